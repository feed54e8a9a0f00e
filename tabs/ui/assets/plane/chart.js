// Painting a line chart: thin axes, few ticks, a legend above.
const CURVES = [0, 1, 2, 3, 4, 5, 7];
const colourOf = (chart, k) => ink.classes[CURVES[(chart.series[k].colour ?? k) % 7]];

function niceTicks(low, high, log, most) {
  if (log) {
    const [a, b] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)], every = Math.ceil((b - a + 1) / most);
    if (b - a >= 2) return Array.from({ length: Math.floor((b - a) / every) + 1 }, (_, k) => 10 ** (a + k * every));
    const powers = [a - 1, a, a + 1, a + 2].map((e) => 10 ** e), within = (t) => t >= low * (1 - 1e-9) && t <= high * (1 + 1e-9);
    const dense = [[1, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]].map((some) => powers.flatMap((p) => some.map((m) => m * p)).filter(within));
    return dense.find((ticks) => ticks.length <= most) || [];
  }
  const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((m) => m * power >= rough) * power, first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, k) => (first + k) * step);
}

function number(v) {
  if (v === 0) return '0';
  const size = Math.abs(v);
  if (size >= 1e5 || size < 1e-3) return v.toExponential(size >= 1e5 ? 0 : 1).replace('e+', 'e').replace('.0e', 'e').replace('-', '−');
  return String(+v.toPrecision(3)).replace('-', '−');
}

// The range of an axis over all curves, a little wider than what is shown; that of fresh data belongs to it.
function range(values, log) {
  const kept = values.filter((v) => typeof v === 'number' && Number.isFinite(v) && (!log || v > 0));
  let low = Math.min(...kept), high = Math.max(...kept);
  if (!kept.length) [low, high] = log ? [0.1, 1] : [0, 1];
  if (low === high) [low, high] = log ? [low / 2, high * 2] : [low - 0.5, high + 0.5];
  return [low, high];
}

function axis(values, log, from, to, pad, within) {
  let [low, high] = within || range(values, log);
  if (within) pad = false;
  if (pad && log) [low, high] = [low / 1.15, high * 1.15];
  else if (pad) [low, high] = [low >= 0 && low < 0.4 * high ? 0 : low - 0.06 * (high - low), high + 0.06 * (high - low)];
  const f = log ? Math.log : (v) => v, place = (v) => from + ((f(v) - f(low)) / (f(high) - f(low))) * (to - from);
  const fits = (v) => typeof v === 'number' && Number.isFinite(v) && (!log || v > 0) && (!within || (v >= low && v <= high));
  return { low, high, log, place, fits };
}

// The axes, with the rows of the legend above them.
function axes(pen, chart, width, height, unit, left) {
  const all = (key) => chart.series.flatMap((s) => s[key] || []), [logX, logY] = chart.log || [], [ofX, ofY] = chart.within || [];
  const fresh = chart.fresh ?? null, rows = legendRows(pen, chart, width, unit), top = (25 + 17 * rows.length) * unit;
  return {
    rows, top,
    x: axis(all('x'), logX, left, width - 10 * unit, false, ofX),
    y: axis(fresh === null ? all('y') : [...all('y'), fresh], logY, height - 34 * unit, top, true, ofY),
  };
}

// The legend's entries in rows that are no wider than the chart, each with its place from the left.
function legendRows(pen, chart, width, unit) {
  const named = chart.series.map((s, k) => ({ name: s.name, colour: colourOf(chart, k), dash: s.dashed ? [4, 3] : [], faint: s.faint }));
  if ((chart.fresh ?? null) !== null) named.push({ name: 'fresh data', colour: ink.soft, dash: [1.5, 2.5] });
  const rows = [[]];
  let x = 0;
  pen.font = `${11.5 * unit}px ${ink.font}`;
  for (const entry of named.filter(({ name }) => name)) {
    const wide = 20 * unit + pen.measureText(entry.name).width;
    if (x && x + wide > width) { rows.push([]); x = 0; }
    rows.at(-1).push({ ...entry, x });
    x += wide + 14 * unit;
  }
  return rows;
}

function legend(pen, rows, width, unit) {
  pen.textAlign = 'left';
  rows.forEach((row, k) => row.forEach(({ name, colour, dash, faint, x }) => {
    const y = (29 + 17 * k) * unit;
    pen.globalAlpha = faint ? 0.4 : 1;
    line(pen, [[x, y], [x + 16 * unit, y]], colour, 2 * unit, dash.map((d) => d * unit));
    pen.globalAlpha = 1;
    pen.fillStyle = ink.soft;
    pen.fillText(name, x + 20 * unit, y + 4 * unit, width - x - 20 * unit);
  }));
}

function line(pen, places, colour, width, dash = []) {
  pen.beginPath();
  for (const [x, y] of places) pen.lineTo(x, y);
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.setLineDash(dash);
  pen.stroke();
  pen.setLineDash([]);
}

function paintAxes(pen, chart, { x, y, top }, width, height, unit, left) {
  const bottom = height - 34 * unit;
  line(pen, [[left, top], [left, bottom], [width - 10 * unit, bottom]], ink.hair, unit);
  pen.fillStyle = ink.soft;
  pen.textAlign = 'center';
  const places = [...new Set(chart.series.flatMap((s) => s.x || []))].filter(x.fits);
  const ticks = x.log && places.length < 9 ? places : niceTicks(x.low, x.high, x.log, width / unit < 300 ? 4 : 6);
  const whole = (t) => Math.min(x.place(t), width - pen.measureText(number(t)).width / 2);  // the last one is not cut
  for (const t of ticks) pen.fillText(number(t), whole(t), bottom + 14 * unit);
  pen.textAlign = 'right';
  for (const t of niceTicks(y.low, y.high, y.log, 4)) {
    pen.fillText(number(t), left - 6 * unit, y.place(t) + 4 * unit);
    line(pen, [[left, y.place(t)], [left + 4 * unit, y.place(t)]], ink.soft, unit);
  }
  pen.fillText(chart.x || '', width - 10 * unit, height - 5 * unit);
}

function paintChart(pen, chart, width, height, ratio, mark = null) {
  const unit = ratio * (ink.big > 1 ? 1.35 : 1), left = 46 * unit, both = axes(pen, chart, width, height, unit, left);
  pen.font = `600 ${12.5 * unit}px ${ink.font}`;
  pen.fillStyle = ink.text;
  pen.textAlign = 'left';
  pen.fillText(chart.y && chart.title !== chart.y ? `${chart.title} · ${chart.y}` : chart.title, 0, 14 * unit);
  pen.font = `${11.5 * unit}px ${ink.font}`;
  paintAxes(pen, chart, both, width, height, unit, left);
  if ((chart.fresh ?? null) !== null) {
    const y = both.y.place(chart.fresh);
    line(pen, [[left, y], [width - 10 * unit, y]], ink.soft, 1.5 * unit, [1.5 * unit, 2.5 * unit]);
  }
  chart.series.forEach((s, k) => curve(pen, s, colourOf(chart, k), both, unit));
  labelPoints(pen, chart, both, width, unit, left);
  legend(pen, both.rows, width, unit);
  if (mark) paintMark(pen, mark, both, width, unit);
}

// The points of a curve that its axes can show: places on the canvas, whether hollow, label.
function shownOf(series, { x, y }) {
  const places = (series.x || []).map((v, i) => [v, series.y[i], series.hollow?.[i], series.labels?.[i]]);
  return places.filter(([a, b]) => x.fits(a) && y.fits(b)).map(([a, b, ...more]) => [x.place(a), y.place(b), ...more]);
}

function curve(pen, series, colour, both, unit) {
  const shown = shownOf(series, both);
  pen.globalAlpha = series.faint ? 0.35 : 1;
  line(pen, shown, colour, (series.faint ? 1 : 1.7) * unit * Math.sqrt(ink.big), series.dashed ? [5 * unit, 4 * unit] : []);
  pen.globalAlpha = 1;
  if (shown.length > 25) return;
  for (const [a, b, hollow] of shown) {
    pen.beginPath();
    pen.arc(a, b, (hollow ? 3.4 : 2.6) * unit, 0, 7);
    pen.fillStyle = hollow ? ink.back : colour;
    pen.fill();
    if (hollow) pen.stroke();
  }
}

// The labels of all curves, each at the first side of its point where it covers no point, no other label and no axis.
function labelPoints(pen, chart, both, width, unit, left) {
  const curves = chart.series.map((s) => shownOf(s, both)), r = 3 * unit, high = 9 * unit;
  const taken = curves.flat().map(([a, b]) => [a - r, b - r, a + r, b + r]);
  const free = ([x0, y0, x1, y1]) => x0 > left && x1 < width && taken.every(([u0, v0, u1, v1]) => x1 < u0 || x0 > u1 || y1 < v0 || y0 > v1);
  pen.textAlign = 'left';
  curves.forEach((shown, k) => {
    pen.fillStyle = colourOf(chart, k);
    for (const [a, b, , label] of shown) {
      if (!label) continue;
      const wide = pen.measureText(label).width;
      const at = (x, y) => [x, y - high, x + wide, y];
      const sides = [at(a - 5 * unit - wide, b - 4 * unit), at(a + 6 * unit, b - 4 * unit), at(a - 5 * unit - wide, b + 12 * unit),
        at(a + 6 * unit, b + 12 * unit), at(a - wide / 2, b - 7 * unit), at(a - wide / 2, b + 16 * unit)];
      const box = sides.find(free) || sides[1];
      taken.push(box);
      pen.fillText(label, box[0], box[3]);
    }
  });
}

// The value of a curve under the pointer.
function paintMark(pen, { name, x, y }, both, width, unit) {
  const [a, b] = [both.x.place(x), both.y.place(y)], words = `${name}: ${number(x)}, ${number(y)}`;
  pen.strokeStyle = pen.fillStyle = ink.text;
  pen.lineWidth = 1.5 * unit;
  pen.beginPath();
  pen.arc(a, b, 5 * unit, 0, 7);
  pen.stroke();
  pen.textAlign = a > width / 2 ? 'right' : 'left';
  const [tx, ty] = [a + (a > width / 2 ? -9 : 9) * unit, b - 8 * unit];
  pen.lineWidth = 4 * unit;
  pen.strokeStyle = ink.back;
  pen.strokeText(words, tx, ty);
  pen.fillText(words, tx, ty);
}

// The point of a curve that is nearest to a place on the canvas, or null.
function markAt(pen, chart, px, py, width, height, ratio) {
  const unit = ratio * (ink.big > 1 ? 1.35 : 1), { x, y } = axes(pen, chart, width, height, unit, 46 * unit);
  let best = null, least = (40 * unit) ** 2;
  for (const s of chart.series) (s.x || []).forEach((v, i) => {
    if (!x.fits(v) || !y.fits(s.y[i])) return;
    const far = (x.place(v) - px) ** 2 + (y.place(s.y[i]) - py) ** 2;
    if (far < least) [best, least] = [{ name: s.name, x: v, y: s.y[i] }, far];
  });
  return best;
}

// The same in words, for a screen reader.
function chartInWords(chart) {
  const ends = chart.series.map((s) => `${s.name}: ${number(s.y?.at(-1) ?? 0)} at ${chart.x} ${number(s.x?.at(-1) ?? 0)}`);
  return `${chart.title}, ${chart.y} by ${chart.x}. ${ends.join('; ')}${(chart.fresh ?? null) === null ? '' : `; fresh data: ${number(chart.fresh)}`}`;
}
