// Says in words what the slider of the place means, while it moves.
const slider = document.getElementById("precision");
const words = document.getElementById("precision-words");
if (slider && words) {
  const areas = words.dataset.areas.split("|");
  const place = words.querySelector("span");
  const tell = () => { place.textContent = areas[Number(slider.value)]; };
  slider.addEventListener("input", tell);
  tell();
}
