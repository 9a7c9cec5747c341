// Reads single values of a chart: by pointer, or by the arrow keys on the focused chart.

const SVG = "http://www.w3.org/2000/svg";
let shown = null; // { canvas, at, cross, tip }

function read(canvas) {
  const legend = [...canvas.closest("figure").querySelectorAll(".legend li")];
  return {
    points: JSON.parse(canvas.dataset.points),
    unit: canvas.dataset.unit,
    series: legend.map((item) => ({ name: item.textContent.trim(), tone: item.querySelector("i").className })),
  };
}

function show(canvas, at) {
  const { points, unit, series } = read(canvas);
  if (!points.length) return;
  at = Math.max(0, Math.min(points.length - 1, at));
  if (shown?.canvas !== canvas) {
    hide();
    shown = { canvas, cross: document.createElementNS(SVG, "line"), tip: document.createElement("div") };
    shown.tip.className = "tip";
    shown.tip.setAttribute("role", "status");
    shown.cross.setAttribute("class", "cross");
    for (const node of [shown.tip, shown.cross]) node.dataset.own = "";
    canvas.querySelector("svg").append(shown.cross);
    canvas.append(shown.tip);
  }
  shown.at = at;
  const x = points.length > 1 ? (100 * at) / (points.length - 1) : 100;
  for (const [name, value] of Object.entries({ x1: x, x2: x, y1: 0, y2: 100 })) shown.cross.setAttribute(name, value);
  const [time, ...values] = points[at];
  const title = document.createElement("b");
  title.textContent = time;
  const rows = series.map(({ name, tone }, place) => {
    const row = document.createElement("div");
    const key = document.createElement("i");
    key.className = tone;
    const value = document.createElement("span");
    value.textContent = values[place] === "—" ? "—" : values[place] + unit;
    row.append(key, name, value);
    return row;
  });
  shown.tip.replaceChildren(title, ...rows);
  // On the far side of the pointer, so that it never hides what is pointed at.
  const width = canvas.clientWidth;
  shown.tip.style.left = x > 50 ? `${Math.max(0, (width * x) / 100 - shown.tip.offsetWidth - 12)}px` : `${(width * x) / 100 + 12}px`;
}

function hide() {
  shown?.cross.remove();
  shown?.tip.remove();
  shown = null;
}

const canvasOf = (event) => event.target.closest?.("[data-canvas]");

document.addEventListener("pointermove", (event) => {
  const canvas = canvasOf(event);
  if (!canvas) return shown && document.activeElement !== shown.canvas ? hide() : undefined;
  const box = canvas.getBoundingClientRect();
  show(canvas, Math.round(((event.clientX - box.left) / box.width) * (read(canvas).points.length - 1)));
});
document.addEventListener("focusout", hide);
document.addEventListener("keydown", (event) => {
  const canvas = canvasOf(event);
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (canvas && step) {
    event.preventDefault();
    const from = shown?.canvas === canvas ? shown.at : read(canvas).points.length - 1 - step;
    show(canvas, from + step);
  } else if (event.key === "Escape") hide();
});
document.querySelector("[data-stream]")?.addEventListener("daybook:grown", () => {
  if (shown?.canvas.isConnected) show(shown.canvas, shown.at);
  else hide();
});
