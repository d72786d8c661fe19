// Keeps a page told of what happens: one socket, a cursor, polite words once in ten seconds.
// It moves nothing on the page: new things wait behind a button.
const TOLD_EVERY_MS = 10_050;
const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000];
const ENDED = 4401;
// Lines of the log that change nothing a person looks at: who logged in, how letters travel.
const QUIET = /^(session|token)\.|^thread\.(moved|asked|told|recalled)$|^(letter_put|letter_acked|box\.moved|cast\.republished)$/;
const pulse = document.getElementById("pulse");
const told = document.getElementById("told");
let cursor = Number(document.body.dataset.cursor || 0);
let tries = 0;
let since = "";
const waiting = new Map();
let timer = 0;
let toldAt = -Infinity;

// Fills the places of a sentence the page brought along, in its reader's language.
export const filled = (sentence, values) => sentence.replaceAll(/\{(\w+)\}/g, (_, name) => String(values[name]));

const kinds = new Intl.PluralRules(document.documentElement.lang);

// Says how many there are by the forms the page brought along, each with a number it is for.
export function counted(forms, n) {
  const known = JSON.parse(forms);
  const [, text] = known.find(([like]) => kinds.select(like) === kinds.select(n)) ?? known.at(-1);
  return filled(text, { n });
}

function show(state, values = {}) {
  if (!pulse) return;
  pulse.dataset.state = state;
  pulse.textContent = filled(pulse.dataset[state], values);
}

function tell() {
  [timer, toldAt] = [0, performance.now()];
  told.replaceChildren(...[...waiting.values()].map((sentence) => {
    const line = document.createElement("p");
    line.textContent = sentence;
    return line;
  }));
  waiting.clear();
}

// Says a sentence to people who do not see the page, those of ten seconds together; of one kind the
// last alone.
export function say(sentence, kind = sentence) {
  if (!told) return;
  waiting.delete(kind);
  waiting.set(kind, sentence);
  if (!timer) timer = setTimeout(tell, Math.max(0, toldAt + TOLD_EVERY_MS - performance.now()));
}

// Where a person logs in again, and comes back to this page.
export const loginPath = () => `/login?next=${encodeURIComponent(location.pathname + location.search)}`;

// A refused upgrade tells a script no reason: whether the session has ended is asked by itself.
async function isLoggedOut() {
  try {
    return (await fetch("/v1/status", { headers: { Accept: "application/json" } })).status === 401;
  } catch {
    return false;
  }
}

function leave() {
  show("ended");
  const link = document.createElement("a");
  link.href = loginPath();
  link.textContent = pulse.dataset.ended;
  pulse.replaceChildren(link);
  say(pulse.dataset.ended);
}

function connect() {
  const socket = new WebSocket(`ws://${location.host}/v1/events/socket`);
  let wasOpen = false;
  socket.addEventListener("open", () => {
    wasOpen = true;
    socket.send(JSON.stringify({ after: cursor }));
  });
  socket.addEventListener("message", (message) => {
    const event = JSON.parse(message.data);
    cursor = event.n ?? event.cursor ?? cursor;
    if (event.live) {
      // Only now: a node may open a socket and close it at once.
      [tries, since] = [0, ""];
      show("live");
    } else if (!QUIET.test(event.what)) document.dispatchEvent(new CustomEvent("intentcast", { detail: event }));
  });
  socket.addEventListener("close", async (event) => {
    since ||= new Date().toLocaleTimeString(document.documentElement.lang);
    show(tries ? "offline" : "reconnecting", { time: since });
    if (event.code === ENDED || (!wasOpen && await isLoggedOut())) { leave(); return; }
    const wait = RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)];
    // Pages that lost one node do not come back to it all at once.
    setTimeout(connect, wait * (1 + Math.random()));
  });
}

function begin() {
  if (document.body.dataset.cursor) connect();
}

// Pages that have no script of their own offer to be loaded anew.
let news = 0;
document.addEventListener("intentcast", () => {
  if ("keeps" in document.body.dataset) return;
  news += 1;
  let line = document.getElementById("news");
  if (!line) {
    line = document.createElement("p");
    line.id = "news";
    line.className = "news";
    const link = document.createElement("a");
    link.href = location.pathname + location.search;
    line.append(link);
    document.querySelector("h1").after(line);
  }
  const words = told.dataset;
  line.firstChild.textContent = news === 1 ? words.news : counted(words.moreNews, news);
  say(line.firstChild.textContent, "news");
});
// Not before every script of the page is there to hear of it.
if (document.readyState === "interactive") document.addEventListener("DOMContentLoaded", begin);
else begin();
