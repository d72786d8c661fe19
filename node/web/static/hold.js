// Counts down the seconds in which a yes can be undone, and goes on when they are over.
const line = document.getElementById("hold");
async function look() {
  const answer = await fetch(`/v1/holds/${line.dataset.id}`, { headers: { Accept: "application/json" } });
  if (!answer.ok) return;
  const hold = await answer.json();
  if (hold.state === "held") {
    line.querySelector("b").textContent = String(Math.ceil(hold.left_ms / 1000));
    setTimeout(look, Math.min(1000, hold.left_ms + 50));
  } else if (hold.state === "signing") setTimeout(look, 300);
  else location.replace(hold.deal ? `/deals/${hold.deal}` : location.pathname);
}
if (line) look();
