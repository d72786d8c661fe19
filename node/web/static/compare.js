// Keeps the comparison live: weights, rows and pages change in place, and new offers wait behind a
// button, so that nothing moves under a pointer. What stands in a cell is the node's to say.
import { html, render } from "./vendor/htm-preact.js";
import { effect, signal } from "./vendor/signals.js";
import { counted, filled, loginPath, say } from "./live.js";

const PAUSE_MS = 150;

const place = document.getElementById("compared");
const news = document.getElementById("live");
const form = document.querySelector("form.weights");
const toggle = document.getElementById("differences");
const plotted = document.getElementById("plotted");
const unanswered = document.getElementById("unanswered");
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
  return html`<th scope="col" id=${`offer-${each.handle}`} role="columnheader"><span class="rank">${each.position}</span> ${each.vendor}${each.twin ? html` <strong class="mark">${each.twin}</strong>` : null}<br /><code class="small">${each.key}</code><br /><span class="small">${each.handle}</span></th>`;
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
      <caption id="offers-caption">${found.caption}</caption>
      <thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">${texts.vendor}</th>${found.heads.map((each) => html`<${Head} key=${each.handle} each=${each} />`)}</tr></thead>
      <tbody role="rowgroup">
        ${found.rows.map((row) => html`<${Line} row=${row} heads=${found.heads} />`)}
        <tr class="why" role="row"><th scope="row" role="rowheader">${texts.why}</th>${found.heads.map((each) => html`<td key=${each.handle} ...${named(each)}><details><summary>${texts.of.replace("{n}", each.score)}</summary><${Parts} parts=${each.why} /></details></td>`)}</tr>
        ${found.can_accept ? html`<tr role="row"><th scope="row" role="rowheader">${texts.accept}</th>${found.heads.map((each) => html`<${Yes} key=${each.handle} each=${each} />`)}</tr>` : null}
      </tbody>
    </table>
  </div><${Pages} found=${found} go=${go} />`;
}

function Point({ each, address }) {
  const other = new URLSearchParams(address);
  other.set("from", String(each.from));
  return html`<a href=${each.is_shown ? `#offer-${each.handle}` : `?${other}#offer-${each.handle}`} aria-label=${each.name}>
    <circle cx=${each.x} cy=${each.y} r=${each.is_best ? 8 : 6} class=${each.is_best ? "best" : "beaten"}><title>${each.name}</title></circle></a>`;
}

function Plot({ plot, address }) {
  if (!plot) return null;
  const words = plotted.dataset;
  return html`<h2>${words.title}</h2><figure>
    <svg class="plot" viewBox="0 0 640 260" role="group" aria-label=${words.label}>
      <line x1="84" y1="224" x2="620" y2="224" class="axis"></line><line x1="84" y1="20" x2="84" y2="224" class="axis"></line>
      <text x="78" y="228" text-anchor="end">${plot.low}</text><text x="78" y="26" text-anchor="end">${plot.high}</text>
      <text x="84" y="248">${plot.first}</text><text x="620" y="248" text-anchor="end">${plot.last}</text>
      ${plot.points.map((each) => html`<${Point} key=${each.handle} each=${each} address=${address} />`)}
    </svg>
    <figcaption>${words.caption}${plot.left_out ? ` ${plot.left_out}` : null}</figcaption>
  </figure>`;
}

function begin() {
  const shown = signal(null);
  let asked = location.search.slice(1);
  let standing = asked;
  let known = Number(texts.offers);
  let question = new AbortController();

  // Nothing changed: what stands goes on standing, and a link says what can be done.
  function fail(how) {
    const link = unanswered.querySelector("a");
    link.href = how === "ended" ? loginPath() : `${location.pathname}?${asked}`;
    link.textContent = unanswered.dataset[how];
    [unanswered.hidden, news.hidden] = [false, true];
    asked = standing;
    say(link.textContent, "unanswered");
    return null;
  }

  // Gives what the node says; null where it says nothing, or was asked something else meanwhile.
  async function fetched(parameters) {
    question.abort();
    const ours = question = new AbortController();
    try {
      const answer = await fetch(`/casts/${encodeURIComponent(handle)}/compared?${parameters}`, { headers: { Accept: "application/json" }, signal: ours.signal });
      if (answer.redirected || answer.status === 401) return fail("ended");
      return answer.ok ? await answer.json() : fail("refused");
    } catch {
      return ours.signal.aborted ? null : fail("gone");
    }
  }

  async function ask(parameters) {
    // At once: the next change builds on this one, whether it is answered yet or not.
    asked = parameters;
    const found = await fetched(parameters);
    if (found) {
      standing = parameters;
      known = found.count;
      history.replaceState(null, "", parameters ? `?${parameters}` : location.pathname);
      shown.value = found;
    }
    return found;
  }

  function changed(change) {
    const parameters = new URLSearchParams(asked);
    change(parameters);
    return ask(parameters.toString());
  }

  const go = (start) => changed((parameters) => parameters.set("from", String(start)));
  effect(() => {
    const found = shown.value;
    if (!found) return;
    // The first time, what the server wrote makes room.
    if (!place.dataset.isLive) {
      place.replaceChildren();
      plotted.replaceChildren();
      place.dataset.isLive = "yes";
    }
    [news.hidden, unanswered.hidden] = [true, true];
    toggle.textContent = new URLSearchParams(standing).get("show") ? toggle.dataset.all : toggle.dataset.different;
    render(html`<${Comparison} found=${found} go=${go} />`, place);
    render(html`<${Plot} plot=${found.plot} address=${standing} />`, plotted);
  });

  async function weigh() {
    const found = await changed((parameters) => {
      // Which rows are shown is the other link's to say, not the form's.
      for (const [name, value] of new FormData(form)) if (name !== "show") parameters.set(name, value);
      parameters.delete("from");
    });
    if (found) say(filled(texts.leader, found.heads[0]), "order");
  }
  const tellValue = (slider) => slider.setAttribute("aria-valuetext", filled(texts.value, { n: slider.value, max: slider.max }));
  form.querySelectorAll("input[type=range]").forEach(tellValue);
  let pause = 0;
  form.addEventListener("input", (event) => {
    tellValue(event.target);
    clearTimeout(pause);
    pause = setTimeout(weigh, PAUSE_MS);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  toggle.addEventListener("click", (event) => {
    event.preventDefault();
    changed((parameters) => {
      if (parameters.get("show")) parameters.delete("show");
      else parameters.set("show", "differences");
    });
  });

  const button = news.querySelector("button");
  button.addEventListener("click", async () => { if (await ask(asked)) place.querySelector(".wide").focus(); });
  let looking = false;
  let again = false;
  async function look() {
    // What happens while we look is looked at afterwards: the last offer must not go unseen.
    if (looking) { again = true; return; }
    looking = true;
    again = false;
    try {
      await count();
    } catch {
      // Out of reach: the page says so by itself, and tells again of what happened meanwhile.
    } finally {
      looking = false;
    }
    if (again) look();
  }
  async function count() {
    const answer = await fetch(`/v1/casts/${encodeURIComponent(handle)}`, { headers: { Accept: "application/json" } });
    const more = answer.ok ? (await answer.json()).cast.offers - known : 0;
    if (more <= 0) return;
    offer(counted(news.dataset.more, more));
  }
  function offer(words) {
    if (button.textContent !== words) { button.textContent = words; say(words, "offers"); }
    news.hidden = false;
  }
  document.addEventListener("intentcast", (event) => {
    // What happened in a gap is not known: everything is asked for anew, when the reader wants it.
    if (event.detail.gap) offer(news.dataset.gap);
    else look();
  });
}

if (place && news && form && toggle) begin();
