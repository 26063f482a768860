// Explore: completes words in the expression and tells the values under the pointer. The page works without this.
const API = "/prometheus/api/v1";
const SHOWN = 40;
const DURATIONS = ["1m", "5m", "15m", "30m", "1h", "6h", "1d", "3d", "7d", "30d"];
const KEYWORDS = ["by", "without", "on", "ignoring", "group_left", "group_right", "offset", "bool", "and", "or", "unless"];
const WORD = /[A-Za-z_:][\w:]*$/;

const box = document.getElementById("expr");
const known = new Map();

/** The `data` that the API answers, asked for once; null when there is no answer. */
function ask(path) {
  if (!known.has(path)) {
    const answer = fetch(API + path, { headers: { accept: "application/json" } })
      .then((response) => (response.ok ? response.json() : { data: null }))
      .then((told) => told.data)
      .catch(() => null);
    answer.then((data) => data === null && known.delete(path));
    known.set(path, answer);
  }
  return known.get(path);
}

/** What is being written before `at`: its kind, the part that is there, and the metric it belongs to. */
export function context(text, at) {
  const before = text.slice(0, at);
  let quote = "", opened = [], start = 0;
  for (let i = 0; i < before.length; i += 1) {
    const c = before[i];
    if (quote) {
      if (c === "\\" && quote !== "`") i += 1;
      else if (c === quote) quote = "";
    } else if (c === '"' || c === "'" || c === "`") { quote = c; start = i + 1; }
    else if (c === "#") { while (i < before.length && before[i] !== "\n") i += 1; }
    else if (c === "{" || c === "[" || c === "(") opened.push([c, i]);
    else if (c === "}" || c === "]" || c === ")") opened.pop();
  }
  const [mark, place] = opened.at(-1) ?? ["", 0];
  const metric = mark === "{" ? (before.slice(0, place).match(WORD) ?? [""])[0] : "";
  if (quote) {
    const label = before.slice(0, start - 1).match(/([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*$/);
    return mark === "{" && label ? { kind: "value", part: before.slice(start), from: start, label: label[1], metric } : null;
  }
  const part = (before.match(mark === "[" ? /[0-9a-z]*$/ : WORD) ?? [""])[0];
  const from = at - part.length;
  if (mark === "[") return { kind: "duration", part, from };
  if (mark === "{") return { kind: "label", part, from, metric };
  const list = mark === "(" && before.slice(0, place).match(/\b(by|without|on|ignoring|group_left|group_right)\s*$/);
  if (list) {
    const named = text.match(/[A-Za-z_:][\w:]*(?=\s*[{[])/);
    return { kind: "label", part, from, metric: named ? named[0] : "" };
  }
  return { kind: "word", part, from };
}

/** Everything that could stand there, as [text, hint]. */
async function candidates(where) {
  const match = where.metric ? `&match[]=${encodeURIComponent(where.metric)}` : "";
  if (where.kind === "duration") return DURATIONS.map((one) => [one, ""]);
  if (where.kind === "label") return ((await ask(`/labels?limit=1000${match}`)) ?? []).map((one) => [one, ""]);
  if (where.kind === "value") {
    return ((await ask(`/label/${encodeURIComponent(where.label)}/values?limit=2000${match}`)) ?? []).map((one) => [one, ""]);
  }
  const [metrics, meaning] = await Promise.all([ask("/label/__name__/values?limit=20000"), ask("/metadata?limit=20000")]);
  const told = (name) => {
    const bare = name.replace(/_(bucket|count|sum)$/, "");
    const one = (meaning?.[name] ?? meaning?.[bare] ?? [])[0];
    return one ? [one.type, one.help].filter(Boolean).join(" · ").slice(0, 90) : "";
  };
  const words = JSON.parse(box.dataset.words);
  return [...(metrics ?? []).map((one) => [one, told(one)]), ...words, ...KEYWORDS.map((one) => [one, ""])];
}

/** Those that contain what is written, those that begin with it first. */
export function chosen(rows, part) {
  const wanted = part.toLowerCase();
  const fitting = rows.filter(([text]) => text.toLowerCase().includes(wanted) && text !== part);
  const rank = ([text]) => (text.toLowerCase().startsWith(wanted) ? 0 : 1);
  return fitting.sort((a, b) => rank(a) - rank(b)).slice(0, SHOWN);
}

class Completion {
  constructor(field) {
    this.field = field;
    this.list = Object.assign(document.createElement("div"), { id: "suggestions", className: "suggestions", hidden: true });
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", field.dataset.list);
    this.said = Object.assign(document.createElement("p"), { className: "sr" });
    this.said.setAttribute("role", "status");
    field.after(this.list, this.said);
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", "suggestions");
    field.addEventListener("input", () => this.suggest(false));
    field.addEventListener("keydown", (event) => this.key(event));
    field.addEventListener("blur", () => this.close());
    field.addEventListener("click", () => this.close());
    // The field must keep the focus while one presses a suggestion.
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.accept(Number(option.dataset.index));
    });
    this.turn = 0;
    this.close();
  }

  get open() { return !this.list.hidden; }

  close() {
    this.turn += 1;
    this.list.hidden = true;
    this.field.removeAttribute("aria-activedescendant");
  }

  async suggest(asked) {
    const field = this.field;
    const turn = (this.turn += 1);
    const where = field.selectionStart === field.selectionEnd ? context(field.value, field.selectionStart) : null;
    if (!where || (!asked && where.kind === "word" && !where.part)) return this.close();
    // What is shown belongs to another place: nobody may accept it here while we ask.
    if (this.open && (where.kind !== this.where.kind || where.from !== this.where.from)) this.list.hidden = true;
    const rows = chosen(await candidates(where), where.part);
    if (turn !== this.turn) return undefined;
    if (!rows.length || document.activeElement !== field) return this.close();
    this.where = where;
    this.rows = rows;
    this.list.replaceChildren(...rows.map(([text, hint], index) => {
      const option = document.createElement("div");
      option.id = `suggestion-${index}`;
      option.dataset.index = index;
      option.setAttribute("role", "option");
      option.append(Object.assign(document.createElement("span"), { textContent: text }));
      if (hint) option.append(Object.assign(document.createElement("span"), { className: "hint", textContent: hint }));
      return option;
    }));
    this.list.hidden = false;
    this.list.scrollTop = 0;
    this.said.textContent = field.dataset.count.replace("#", rows.length);
    return this.mark(0);
  }

  mark(index) {
    this.index = (index + this.rows.length) % this.rows.length;
    for (const option of this.list.children) {
      option.setAttribute("aria-selected", String(Number(option.dataset.index) === this.index));
    }
    const here = this.list.children[this.index];
    this.field.setAttribute("aria-activedescendant", here.id);
    here.scrollIntoView({ block: "nearest" });
  }

  accept(index) {
    const { field, where } = this;
    let text = this.rows[index][0];
    if (where.kind === "value") text = text.replace(/\\/g, "\\\\").replace(/"/g, '\\"');
    const [before, after] = [field.value.slice(0, where.from), field.value.slice(field.selectionStart)];
    const isCall = where.kind === "word" && this.rows[index][1].startsWith("(") && !after.startsWith("(");
    field.value = before + text + (isCall ? "(" : "") + after;
    const place = where.from + text.length + (isCall ? 1 : 0);
    field.setSelectionRange(place, place);
    this.close();
  }

  key(event) {
    if (event.isComposing) return;
    const { key } = event;
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    if (event.ctrlKey && key === " ") this.suggest(true);
    else if (this.open && key in steps) this.mark(this.index + steps[key]);
    else if (this.open && (key === "Enter" || key === "Tab") && !event.shiftKey) this.accept(this.index);
    else if (this.open && key === "Escape") this.close();
    else if (key === "Enter" && !event.shiftKey) this.field.form.requestSubmit();
    else return;
    event.preventDefault();
  }
}

class Cursor {
  constructor(frame) {
    const { times, rows } = JSON.parse(frame.dataset.plot);
    const language = document.documentElement.lang;
    Object.assign(this, { frame, times, rows, svg: frame.querySelector("svg"), line: frame.querySelector(".cursor") });
    this.figures = new Intl.NumberFormat(language, { maximumSignificantDigits: 5 });
    this.clock = new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "medium", timeZone: frame.dataset.zone });
    this.cells = [...document.querySelectorAll(".series-table tbody tr")].map((row) => row.querySelector("td .figure-text"));
    this.kept = this.cells.map((cell) => cell.textContent);
    const label = Object.assign(document.createElement("label"), { className: "plot-cursor", htmlFor: "plot-at" });
    const name = Object.assign(document.createElement("span"), { textContent: frame.dataset.cursor });
    this.told = document.createElement("output");
    this.range = Object.assign(document.createElement("input"), { id: "plot-at", type: "range", min: 0, max: times.length - 1, value: times.length - 1 });
    label.append(name, this.told, this.range);
    frame.append(label);
    this.range.addEventListener("input", () => this.point(Number(this.range.value)));
    this.svg.addEventListener("pointermove", (event) => {
      const { left, width } = this.svg.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - left) / width));
      this.point(Math.round(share * (times.length - 1)));
    });
    this.svg.addEventListener("pointerleave", () => this.leave());
    for (const [place, row] of [...document.querySelectorAll(".series-table tbody tr")].entries()) {
      row.addEventListener("mouseenter", () => this.single(place));
      row.addEventListener("mouseleave", () => this.single(-1));
    }
    this.leave();
  }

  point(index) {
    const x = this.times.length > 1 ? `${(100 * index) / (this.times.length - 1)}%` : "50%";
    for (const edge of ["x1", "x2"]) this.line.setAttribute(edge, x);
    this.line.setAttribute("visibility", "visible");
    this.told.textContent = this.clock.format(this.times[index]);
    this.range.value = index;
    this.range.setAttribute("aria-valuetext", this.told.textContent);
    this.rows.forEach((row, place) => {
      const value = row[index];
      if (this.cells[place]) this.cells[place].textContent = value === null ? "–" : this.figures.format(value);
    });
  }

  leave() {
    this.line.setAttribute("visibility", "hidden");
    this.range.value = this.times.length - 1;
    this.told.textContent = this.clock.format(this.times.at(-1));
    this.range.setAttribute("aria-valuetext", this.told.textContent);
    this.cells.forEach((cell, place) => { cell.textContent = this.kept[place]; });
  }

  single(place) {
    this.svg.classList.toggle("some", place >= 0);
    for (const line of this.svg.querySelectorAll(".line")) line.classList.toggle("this", Number(line.dataset.row) === place);
  }
}

if (box) new Completion(box);
for (const frame of document.querySelectorAll("[data-plot]")) new Cursor(frame);
