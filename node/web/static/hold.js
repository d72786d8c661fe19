// Counts down the seconds in which a yes can be undone, and goes on when they are over.
const RETRY_MS = 1_000;
const line = document.getElementById("hold");
async function look() {
  let answer = null;
  try {
    answer = await fetch(`/v1/holds/${line.dataset.id}`, { headers: { Accept: "application/json" } });
  } catch {
    // Out of reach for a moment: what becomes of the yes is asked again, not guessed.
    setTimeout(look, RETRY_MS);
    return;
  }
  // Logged out, or the node began anew: the page itself says so.
  if (!answer.ok) { location.reload(); return; }
  const hold = await answer.json();
  if (hold.state === "held") {
    line.querySelector("b").textContent = String(Math.ceil(hold.left_ms / 1000));
    setTimeout(look, Math.min(1000, hold.left_ms + 50));
  } else if (hold.state === "signing") setTimeout(look, 300);
  else location.replace(hold.deal ? `/deals/${hold.deal}` : location.pathname);
}
if (line) look();
