// Keeps what is on the page true while someone looks at it. Everything works without this.
const EVERY_MS = 10_000;
const PATIENCE_MS = 8_000;
let failures = 0;

/** Whether the reader is in the middle of something inside `part` that must not be taken from under them. */
function busy(part) {
  return part.contains(document.activeElement) || part.querySelector("details[open]") !== null;
}

/** Puts what `fresh` says into the page; the time at its foot moves only if all of it could be put in. */
function take(fresh) {
  let whole = true;
  const parts = [...document.querySelectorAll("[data-live]")].filter((part) => part.dataset.live !== "as-of");
  for (const part of parts) {
    const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (!next || next.innerHTML === part.innerHTML) continue;
    if (busy(part)) whole = false;
    else part.replaceChildren(...next.childNodes);
  }
  if (!whole) return;
  document.body.className = fresh.body.className;
  document.title = fresh.title;
  const asOf = document.querySelector('[data-live="as-of"]');
  const now = fresh.querySelector('[data-live="as-of"]');
  if (asOf && now) asOf.replaceChildren(...now.childNodes);
}

async function refresh() {
  if (document.hidden) return;
  const url = new URL(location.href);
  for (const name of ["done", "lang", "theme"]) url.searchParams.delete(name);
  try {
    const answer = await fetch(url, { headers: { accept: "text/html" }, signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok || answer.redirected) throw new Error("no contact");
    take(new DOMParser().parseFromString(await answer.text(), "text/html"));
    failures = 0;
  } catch {
    failures += 1;
  }
  // An old page must not pass for the present.
  document.getElementById("lost").hidden = failures < 2;
}

if (document.querySelector("[data-live]")) {
  setInterval(refresh, EVERY_MS);
  document.addEventListener("visibilitychange", refresh);
}
