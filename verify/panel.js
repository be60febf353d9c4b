// The live panel: sliders for query, scale and context; prediction, ceiling and plateau move.
"use strict";

function panel(data) {
  const model = ICL.decode(data.model), canvas = document.getElementById("plot");
  const pen = canvas.getContext("2d"), get = (id) => document.getElementById(id);
  const inputs = ["query", "scale", "points", "c0", "c1", "c2", "c3"];
  const number = (v) => Math.abs(v) >= 1e4 || (v !== 0 && Math.abs(v) < 1e-3) ? v.toExponential(3) : v.toPrecision(5);

  // labels of two near lines stand at opposite ends, and outside of the two
  function line(y, colour, dash, label, toY, left, below) {
    pen.strokeStyle = pen.fillStyle = colour;
    pen.setLineDash(dash);
    pen.beginPath();
    pen.moveTo(50, toY(y));
    pen.lineTo(canvas.width - 10, toY(y));
    pen.stroke();
    pen.setLineDash([]);
    pen.fillText(label, left ? 54 : canvas.width - 10 - pen.measureText(label).width, toY(y) + (below ? 14 : -4));
  }

  function curve(xs, values, colour, toX, toY) {
    pen.strokeStyle = colour;
    pen.beginPath();
    xs.forEach((x, i) => i ? pen.lineTo(toX(x), toY(values[i])) : pen.moveTo(toX(x), toY(values[i])));
    pen.stroke();
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
    const toX = (v) => 50 + (canvas.width - 60) * (v / reach + 1) / 2;
    const toY = (v) => canvas.height * (1 - v / top) / 2;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.font = "12px sans-serif";
    pen.lineWidth = 1.5;
    pen.fillStyle = "#555";
    pen.fillText(`${number(top)}`, 2, 12);
    pen.fillText(`${number(-top)}`, 2, canvas.height - 4);
    line(0, "#ddd", [], "", toY);
    (data.ceiling || []).forEach((end) => line(end, "#000", [], `ceiling (L2) ${number(end)}`, toY));
    const lower = Math.min(...(data.plateau || []));
    (data.plateau || []).forEach((end, i) => line(end, "#d55e00", [6, 4], `plateau (N2) ${number(end)}`, toY, i === 0, end === lower));
    curve(xs, xs.map(f), "#009e73", toX, toY);
    curve(xs, said, "#0072b2", toX, toY);
    pen.fillStyle = "#009e73";
    for (let i = 0; i < tokens.length; i += 2) pen.fillRect(toX(tokens[i]) - 2, toY(tokens[i + 1]) - 2, 4, 4);
    pen.fillStyle = "#0072b2";
    pen.beginPath();
    pen.arc(toX(x), toY(y), 5, 0, 7);
    pen.fill();
    get("said").textContent = `x_q = ${number(x)}: the model says ${number(y)}, f(x_q) = ${number(f(x))}`;
    get("where").textContent = `inputs in [-${number(s)}, ${number(s)}], ${n} examples`;
  }

  inputs.forEach((id) => get(id).addEventListener("input", draw));
  draw();
}
