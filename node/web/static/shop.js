// A feed goes to the node as it is: first for a look at what it would change, then, if wanted, for good.
const PROBLEMS_MAX = 100;
const form = document.getElementById("feed");
const found = document.getElementById("feed-found");
const said = document.getElementById("feed-said");
const apply = form.querySelector('button[value="apply"]');

// What would hide, turn, blank or overprint is shown as its code: the rule of node/lettering.py, line by line.
const MARKS_MAX = 3;
const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u2800\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u;
const joining = /[\u0600-\u109f\u1780-\u18af]/u;
const joins = (sign) => sign !== undefined && joining.test(sign) && /[\p{L}\p{M}]/u.test(sign);

function stands(signs, at) {
  const sign = signs[at];
  if (sign === "\u200c" || sign === "\u200d") return joins(signs[at - 1]) && joins(signs[at + 1]);
  if (sign === "[") return !/^\[[0-9A-F]{4,6}\]/.test(signs.slice(at, at + 8).join(""));
  if (/\p{Zs}/u.test(sign)) return sign === " " || sign === "\u3000";
  return !hidden.test(sign);
}

function shown(text) {
  let marks = MARKS_MAX;
  const signs = Array.from(String(text));
  return signs.map((sign, at) => {
    const isMark = /[\p{Mn}\p{Me}]/u.test(sign);
    marks = isMark ? marks + 1 : 0;
    if (sign === "\n" || sign === "\t") { marks = MARKS_MAX; return sign; }
    if (isMark ? marks <= MARKS_MAX && !hidden.test(sign) : stands(signs, at)) return sign;
    marks = MARKS_MAX;
    return `[${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`;
  }).join("");
}

function address(file, isDry) {
  const fields = new FormData(form);
  const asked = new URLSearchParams({ source: (fields.get("source").trim() || file.name).slice(0, 80), dry_run: String(isDry) });
  const currency = fields.get("currency").trim().toUpperCase();
  const category = fields.get("category").trim();
  if (currency) asked.set("currency", currency);
  if (category) asked.set("category", category);
  if (fields.has("decimal_comma")) asked.set("decimal_comma", "true");
  return `/v1/vendor/import?${asked}`;
}

function cell(row, text, kind = "td") {
  const made = document.createElement(kind);
  if (kind === "th") made.scope = "row";
  made.textContent = shown(text ?? "");
  row.append(made);
}

function tell(report) {
  for (const each of found.querySelectorAll("[data-member]")) {
    const value = report[each.dataset.member];
    each.textContent = shown(Array.isArray(value) ? value.join(", ") : value);
  }
  const body = document.getElementById("feed-problems");
  body.replaceChildren(...report.problems.slice(0, PROBLEMS_MAX).map((problem) => {
    const row = document.createElement("tr");
    cell(row, problem.line, "th");
    cell(row, problem.column);
    cell(row, problem.value);
    cell(row, `${problem.sentence} (${problem.code}): ${problem.refused ? body.dataset.refused : body.dataset.kept}`);
    cell(row, problem.fix);
    return row;
  }));
  body.closest("div").hidden = !report.problems.length;
  const words = said.dataset;
  said.textContent = [report.applied ? words.done : words.tried, report.complete ? "" : words.cut].join(" ");
}

let asked = 0;
let changes = 0;
let isImporting = false;

async function send(isDry) {
  const ours = ++asked;
  const settings = changes;
  const file = form.elements.file.files[0];
  isImporting = !isDry;
  found.hidden = false;
  apply.disabled = true;
  said.textContent = said.dataset.trying;
  try {
    const answer = await fetch(address(file, isDry), { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream", Accept: "application/json" } });
    const report = await answer.json();
    if (ours !== asked) return;
    if (answer.ok) tell(report);
    else said.textContent = shown(`${report.title} (${report.code}). ${report.fix ?? ""}`);
    // What was looked at may be imported, once, as it was looked at: not after a change meanwhile.
    apply.disabled = !(answer.ok && isDry && settings === changes);
  } catch {
    if (ours === asked) said.textContent = said.dataset.gone;
  } finally {
    if (!isDry) isImporting = false;
  }
}

form.hidden = false;
form.addEventListener("input", () => {
  changes += 1;
  apply.disabled = true;
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  // What an import did is told before anything else is asked.
  if (!isImporting) send(event.submitter?.value !== "apply");
});
