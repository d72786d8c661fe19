// Keeps the comparison live: weights, rows and pages change in place, and new offers wait behind a
// button, so that nothing moves under a pointer. What stands in a cell is the node's to say.
import { html, render } from "./vendor/htm-preact.js";
import { effect, signal } from "./vendor/signals.js";
import { say } from "./live.js";

const place = document.getElementById("compared");
const news = document.getElementById("live");
const form = document.querySelector("form.weights");
const toggle = document.getElementById("differences");
const texts = place ? place.dataset : {};
const handle = news ? news.dataset.cast : "";

function Parts({ parts }) {
  return parts.length ? html`<ul class="parts">${parts.map((part) => html`<li>${part}</li>`)}</ul>` : null;
}

// On a phone each row is a card: its cells name the offer, and keep the roles of a table.
const named = (each) => ({ role: "cell", "data-vendor": `${each.position}. ${each.vendor}` });

function Cell({ cell, each }) {
  return html`<td ...${named(each)} class=${cell.tone || undefined}>${cell.text}${cell.note ? html` <strong class="mark">${cell.note}</strong>` : null}<${Parts} parts=${cell.parts} /></td>`;
}

function Line({ row, heads }) {
  const wish = row.group === "must" || row.group === "prefer";
  return html`<tr class=${row.group} role="row">
    <th scope="row" role="rowheader">${row.label}${wish ? html` <span class="small">${texts[row.group]}</span>` : null}</th>
    ${row.cells.map((cell, n) => html`<${Cell} cell=${cell} each=${heads[n]} />`)}
  </tr>`;
}

function Head({ each }) {
  return html`<th scope="col" id=${`offer-${each.handle}`} role="columnheader"><span class="rank">${each.position}</span> ${each.vendor}<br /><span class="small">${each.handle}</span></th>`;
}

function Yes({ each }) {
  if (!each.can_accept) return html`<td ...${named(each)}>${texts.impossible}</td>`;
  const path = `/casts/${handle}/offers/${each.handle}/accept`;
  return html`<td ...${named(each)}><a class="button" href=${path}>${texts.accept}<span class="unseen"> ${each.vendor}, ${each.total}</span></a></td>`;
}

function Pages({ found, go }) {
  if (found.count <= found.columns) return null;
  const starts = Array.from({ length: Math.ceil(found.count / found.columns) }, (_, n) => n * found.columns);
  return html`<nav aria-label=${texts.more}><ul class="pages">${starts.map((start) => html`<li>
    <a href=${`?from=${start}`} aria-current=${start === found.first ? "page" : undefined}
      onClick=${(event) => { event.preventDefault(); go(start); }}>${start + 1}\u2013${Math.min(start + found.columns, found.count)}</a>
  </li>`)}</ul></nav>`;
}

function Comparison({ found, go }) {
  return html`<div class="wide" tabindex="0" role="region" aria-labelledby="offers-caption">
    <table class="compare" role="table">
      <caption id="offers-caption">${found.count === 1 ? texts.captionOne : texts.caption.replace("{n}", found.count)}</caption>
      <thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">${texts.vendor}</th>${found.heads.map((each) => html`<${Head} each=${each} />`)}</tr></thead>
      <tbody role="rowgroup">
        ${found.rows.map((row) => html`<${Line} key=${row.label} row=${row} heads=${found.heads} />`)}
        <tr class="why" role="row"><th scope="row" role="rowheader">${texts.why}</th>${found.heads.map((each) => html`<td ...${named(each)}><details><summary>${texts.of.replace("{n}", each.score)}</summary><${Parts} parts=${each.why} /></details></td>`)}</tr>
        ${found.can_accept ? html`<tr role="row"><th scope="row" role="rowheader">${texts.accept}</th>${found.heads.map((each) => html`<${Yes} each=${each} />`)}</tr>` : null}
      </tbody>
    </table>
  </div><${Pages} found=${found} go=${go} />`;
}

function begin() {
  const asked = signal(location.search.slice(1));
  const known = signal(Number(texts.offers));
  const shown = signal(null);
  let latest = 0;

  async function fetched(parameters) {
    const turn = ++latest;
    const answer = await fetch(`/casts/${encodeURIComponent(handle)}/compared?${parameters}`, { headers: { Accept: "application/json" } });
    // An answer that was overtaken by a later question is none.
    return answer.ok && turn === latest ? answer.json() : null;
  }

  async function ask(parameters) {
    // At once: the next change builds on this one, whether it is answered yet or not.
    asked.value = parameters;
    const found = await fetched(parameters);
    if (!found) return;
    known.value = found.count;
    shown.value = found;
    history.replaceState(null, "", parameters ? `?${parameters}` : location.pathname);
  }

  function changed(change) {
    const parameters = new URLSearchParams(asked.value);
    change(parameters);
    return ask(parameters.toString());
  }

  const go = (start) => changed((parameters) => parameters.set("from", String(start)));
  effect(() => {
    const found = shown.value;
    if (!found) return;
    // The first time, what the server wrote makes room.
    if (!place.dataset.isLive) { place.replaceChildren(); place.dataset.isLive = "yes"; }
    news.hidden = true;
    render(html`<${Comparison} found=${found} go=${go} />`, place);
  });

  form.addEventListener("input", () => changed((parameters) => {
    for (const [name, value] of new FormData(form)) parameters.set(name, value);
    parameters.delete("from");
  }));
  form.addEventListener("submit", (event) => event.preventDefault());
  toggle.addEventListener("click", (event) => {
    event.preventDefault();
    [toggle.textContent, toggle.dataset.other] = [toggle.dataset.other, toggle.textContent];
    changed((parameters) => {
      if (parameters.get("show")) parameters.delete("show");
      else parameters.set("show", "differences");
    });
  });

  const button = news.querySelector("button");
  button.addEventListener("click", () => { ask(asked.value).then(() => place.querySelector(".wide").focus()); });
  let looking = false;
  let again = false;
  async function look() {
    // What happens while we look is looked at afterwards: the last offer must not go unseen.
    if (looking) { again = true; return; }
    looking = true;
    again = false;
    try {
      await count();
    } finally {
      looking = false;
    }
    if (again) look();
  }
  async function count() {
    const answer = await fetch(`/v1/casts/${encodeURIComponent(handle)}`, { headers: { Accept: "application/json" } });
    const more = answer.ok ? (await answer.json()).cast.offers - known.value : 0;
    if (more <= 0) return;
    offer(more === 1 ? news.dataset.one : news.dataset.more.replace("{n}", more));
  }
  function offer(words) {
    if (button.textContent !== words) { button.textContent = words; say(words); }
    news.hidden = false;
  }
  document.addEventListener("intentcast", (event) => {
    // What happened in a gap is not known: everything is asked for anew, when the reader wants it.
    if (event.detail.gap) offer(news.dataset.gap);
    else look();
  });
}

if (place && news && form && toggle) begin();
