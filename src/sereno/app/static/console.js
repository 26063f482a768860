// Keeps what is on the page true while someone looks at it. Everything works without this.
const EVERY_MS = 10_000;

/** Whether the reader is in the middle of something inside `part` that must not be taken from under them. */
function busy(part) {
  return part.contains(document.activeElement) && document.activeElement !== document.body;
}

async function refresh() {
  if (document.hidden) return;
  const url = new URL(location.href);
  url.searchParams.delete("done");
  url.searchParams.delete("lang");
  url.searchParams.delete("theme");
  const answer = await fetch(url, { headers: { accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (next && !busy(part) && next.innerHTML !== part.innerHTML) part.replaceChildren(...next.childNodes);
  }
  if (fresh.body.className !== document.body.className) document.body.className = fresh.body.className;
  if (fresh.title !== document.title) document.title = fresh.title;
}

if (document.querySelector("[data-live]")) {
  setInterval(() => refresh().catch(() => {}), EVERY_MS);
  document.addEventListener("visibilitychange", () => refresh().catch(() => {}));
}
