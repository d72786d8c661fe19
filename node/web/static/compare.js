// New offers for this request wait behind a button, so that nothing moves under a pointer.
import { say } from "./live.js";

const place = document.getElementById("live");
const shown = Number(place ? place.dataset.offers : 0);

async function count() {
  const answer = await fetch(`/v1/casts/${encodeURIComponent(place.dataset.cast)}`, { headers: { Accept: "application/json" } });
  return answer.ok ? (await answer.json()).cast.offers : shown;
}

let asked = false;
document.addEventListener("intentcast", async () => {
  if (!place || asked) return;
  asked = true;
  const now = await count();
  asked = false;
  if (now <= shown) return;
  const more = now - shown;
  const words = more === 1 ? "1 new offer" : `${more} new offers`;
  let button = place.querySelector("a");
  if (!button) {
    const line = document.createElement("p");
    line.className = "news";
    button = document.createElement("a");
    button.className = "button";
    button.href = location.pathname + location.search;
    line.append(button);
    place.append(line);
  }
  if (button.textContent !== words) { button.textContent = words; say(words); }
});

// Moving a weight orders anew; without script there is a button for it.
const weights = document.querySelector("form.weights");
if (weights) weights.addEventListener("change", () => weights.requestSubmit());
