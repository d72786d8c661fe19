// A feed goes to the node as it is: first for a look at what it would change, then, if wanted, for good.
const PROBLEMS_MAX = 100;
const form = document.getElementById("feed");
const found = document.getElementById("feed-found");
const said = document.getElementById("feed-said");
const apply = form.querySelector('button[value="apply"]');

// What would turn or hide its surroundings is shown as its code, as everywhere on these pages.
const shown = (text) => String(text).replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, (mark) => `[${mark.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);

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

async function send(isDry) {
  const file = form.elements.file.files[0];
  found.hidden = false;
  apply.disabled = true;
  said.textContent = said.dataset.trying;
  try {
    const answer = await fetch(address(file, isDry), { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream", Accept: "application/json" } });
    const report = await answer.json();
    if (answer.ok) tell(report);
    else said.textContent = shown(`${report.title} (${report.code}). ${report.fix ?? ""}`);
    // What was looked at may be imported, once, as it was looked at.
    apply.disabled = !(answer.ok && isDry);
  } catch {
    said.textContent = said.dataset.gone;
  }
}

form.hidden = false;
form.addEventListener("input", () => { apply.disabled = true; });
form.addEventListener("submit", (event) => {
  event.preventDefault();
  send(event.submitter?.value !== "apply");
});
