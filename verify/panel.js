// The live panel: sliders for query, scale and context; prediction, ceiling and plateau move.
"use strict";

function panel(data) {
  const model = ICL.decode(data.model), canvas = document.getElementById("plot");
  const pen = canvas.getContext("2d"), get = (id) => document.getElementById(id);
  const inputs = ["query", "scale", "points", "c0", "c1", "c2", "c3"];
  const number = (v) => Math.abs(v) >= 1e4 || (v !== 0 && Math.abs(v) < 1e-3) ? v.toExponential(3) : v.toPrecision(5);
  const short = (v) => Math.abs(v) >= 1e4 || (v !== 0 && Math.abs(v) < 1e-2) ? v.toExponential(2) : String(Number(v.toPrecision(3)));
  let width = 0, height = 0;

  // as many dots as the screen has, so that lettering is sharp and of one size on every screen
  function fit() {
    const dots = window.devicePixelRatio || 1;
    width = canvas.clientWidth;
    height = canvas.clientHeight;
    canvas.width = Math.round(width * dots);
    canvas.height = Math.round(height * dots);
    pen.setTransform(dots, 0, 0, dots, 0, 0);
  }

  // labels of two near lines stand at opposite ends, and outside of the two
  function line(y, colour, dash, toY) {
    pen.strokeStyle = colour;
    pen.setLineDash(dash);
    pen.beginPath();
    pen.moveTo(54, toY(y));
    pen.lineTo(width - 10, toY(y));
    pen.stroke();
    pen.setLineDash([]);
  }

  // over all curves, with a white rim
  function name(y, colour, text, toY, left, below) {
    const place = [text, left ? 58 : width - 10 - pen.measureText(text).width, toY(y) + (below ? 14 : -4)];
    pen.lineWidth = 4;
    pen.strokeStyle = "#fff";
    pen.strokeText(...place);
    pen.fillStyle = colour;
    pen.fillText(...place);
  }

  function curve(xs, values, colour, toX, toY) {
    pen.strokeStyle = colour;
    pen.beginPath();
    xs.forEach((x, i) => i ? pen.lineTo(toX(x), toY(values[i])) : pen.moveTo(toX(x), toY(values[i])));
    pen.stroke();
  }

  // what a slider stands at: as text beside it, and as what a screen reader says
  function tell(id, text) {
    get(`${id}-is`).textContent = text;
    get(id).setAttribute("aria-valuetext", text);
  }

  function draw() {
    const s = 10 ** Number(get("scale").value), n = Number(get("points").value);
    const c = ["c0", "c1", "c2", "c3"].map((id) => Number(get(id).value));
    const { tokens, f } = ICL.context(c, n, s), caches = ICL.begin(model, tokens);
    const reach = 3 * s, x = reach * Number(get("query").value);
    const xs = Array.from({ length: 61 }, (_, i) => reach * (i / 30 - 1));
    const said = xs.map((v) => ICL.say(model, caches, v)), y = ICL.say(model, caches, x);
    const shown = [...said, ...(data.ceiling || []), ...(data.plateau || [])];
    const top = 1.15 * Math.max(...shown.map(Math.abs), 1e-6);
    const toX = (v) => 54 + (width - 64) * (v / reach + 1) / 2;
    const toY = (v) => height * (1 - v / top) / 2;
    pen.clearRect(0, 0, width, height);
    pen.font = "12px sans-serif";
    pen.lineWidth = 1.5;
    pen.fillStyle = "#555";
    pen.fillText(short(top), 2, 12);
    pen.fillText(short(-top), 2, height - 4);
    line(0, "#ddd", [], toY);
    (data.ceiling || []).forEach((end) => line(end, "#000", [], toY));
    (data.plateau || []).forEach((end) => line(end, "#d55e00", [6, 4], toY));
    curve(xs, xs.map(f), "#009e73", toX, toY);
    curve(xs, said, "#0072b2", toX, toY);
    pen.fillStyle = "#009e73";
    for (let i = 0; i < tokens.length; i += 2) pen.fillRect(toX(tokens[i]) - 2, toY(tokens[i + 1]) - 2, 4, 4);
    pen.fillStyle = "#0072b2";
    pen.beginPath();
    pen.arc(toX(x), toY(y), 5, 0, 7);
    pen.fill();
    const lower = Math.min(...(data.plateau || []));
    (data.ceiling || []).forEach((end) => name(end, "#000", `ceiling (L2) ${number(end)}`, toY));
    (data.plateau || []).forEach((end, i) => name(end, "#d55e00", `plateau (N2) ${number(end)}`, toY, i === 0, end === lower));
    tell("query", `x_q = ${short(x)}`);
    tell("scale", `inputs in ±${short(s)}`);
    tell("points", `${n} pairs (x, y)`);
    c.forEach((value, i) => tell(`c${i}`, `${short(value)}${["", " x", " x²", " x³"][i]}`));
    get("said").textContent = `At x_q = ${short(x)} the model says ${number(y)}; f(x_q) = ${number(f(x))}.`;
    const terms = c.map((value, i) => value ? `${short(value)}${["", " x", " x²", " x³"][i]}` : "").filter(Boolean);
    get("where").textContent = `f(x) = ${terms.join(" + ").replaceAll("+ -", "- ") || 0}; ${n} examples with x in [${short(-s)}, ${short(s)}]; drawn: x_q from ${short(-reach)} to ${short(reach)}.`;
  }

  inputs.forEach((id) => get(id).addEventListener("input", draw));
  new ResizeObserver(() => { fit(); draw(); }).observe(canvas);
  fit();
  draw();
}
