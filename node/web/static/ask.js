// Says in words what the slider of the place means, while it moves.
const slider = document.getElementById("precision");
const words = document.getElementById("precision-words");
if (slider && words) {
  const areas = words.dataset.areas.split("|");
  const all = words.textContent;
  const tell = () => { words.textContent = `${areas[Number(slider.value)]}. ${all.slice(all.lastIndexOf(". ", all.length - 2) + 2)}`; };
  slider.addEventListener("input", tell);
  tell();
}
