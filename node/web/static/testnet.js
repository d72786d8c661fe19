// Keeps the numbers of a testnet's page fresh. No row moves: what is new waits behind a link.
const EVERY_MS = 2_000;
const counts = document.getElementById("counts");
const pulse = document.getElementById("pulse");
const news = document.getElementById("news");
const told = document.getElementById("told");
const write = (place, text) => { if (place && place.textContent !== String(text)) place.textContent = text; };

function show(state) {
  for (const each of counts.querySelectorAll("[data-count]")) write(each, state.counts[each.dataset.count]);
  for (const node of state.nodes) {
    const place = document.querySelector(`[data-node="${CSS.escape(node.name)}"]`);
    if (place) write(place, node.up ? node.links : place.dataset.down);
  }
  const seen = new Set();
  for (const link of state.links) {
    const name = CSS.escape(link.link);
    const place = document.querySelector(`[data-fault="${name}"]`);
    if (place) write(place, link.words || place.dataset.sound);
    write(document.querySelector(`[data-resets="${name}"]`), link.resets);
    const line = document.getElementById(`line-${link.link}`);
    if (line) line.setAttribute("class", link.faulty ? "faulty" : "sound");
    seen.add(link.link);
  }
  for (const line of document.querySelectorAll(".net line")) {
    if (!seen.has(line.id.slice("line-".length))) line.setAttribute("class", "gone");
  }
  const faulty = state.links.filter((link) => link.faulty).map((link) => link.link).join(" ");
  const hasNews = state.happened !== Number(counts.dataset.happened) || state.links.length !== Number(counts.dataset.links) || faulty !== counts.dataset.faulty;
  if (hasNews && news.hidden) {
    news.hidden = false;
    told.textContent = news.textContent;
  }
  write(pulse, pulse.dataset.live);
}

function leave() {
  if (pulse.querySelector("a")) return;
  const link = document.createElement("a");
  link.href = "/login";
  link.textContent = pulse.dataset.ended;
  pulse.replaceChildren(link);
  told.textContent = pulse.dataset.ended;
}

async function look() {
  try {
    const answer = await fetch("/state", { headers: { Accept: "application/json" } });
    // Sent on to the door: the testnet is there, the session is not.
    if (answer.redirected || answer.status === 401) { leave(); return; }
    if (answer.ok) show(await answer.json());
    else write(pulse, pulse.dataset.gone);
  } catch {
    write(pulse, pulse.dataset.gone);
  }
  setTimeout(look, EVERY_MS);
}
if (counts) setTimeout(look, EVERY_MS);
