// Painting a panel. Lengths are in pixels of the canvas; a place (x, y) in data units stands at (X(x), Y(y)).
const CLASSES = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#F0E442', '#777777'];  // Okabe and Ito's
const LIGHTER = ['#4BA6E3', '#F28E42', '#2CC79B', '#E3A3C6', '#F5BC42', '#8ACBF2', '#F5EE7E', '#AAAAAA'];  // on dark
const zoom = { x: 0, y: 0, half: 3 };
const known = new Map();  // colours of the style sheet as red, green, blue: reading pixels back is slow
let ink = null, dots = new Map();

function rgb(colour) {
  if (known.has(colour)) return known.get(colour);
  const pen = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d');
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 1, 1);
  known.set(colour, [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3));
  return known.get(colour);
}

// The page's colours, as they are now, and how thick lines are.
function readInk() {
  const style = getComputedStyle(element), get = (name, other) => style.getPropertyValue(name).trim() || other;
  const text = rgb(get('--body-text-color', '#222')), accent = rgb(get('--color-accent', '#4f46e5'));
  const back = rgb(get('--body-background-fill', '#fff')), dark = back[0] + back[1] + back[2] < 380;
  const big = !!element.closest('.projector'), key = [text, accent, back, big, style.fontFamily].join();
  if (ink?.key === key) return;  // the dots are kept
  const of = ([r, g, b], a = 1) => `rgb(${r} ${g} ${b} / ${a})`;
  ink = {
    key, dark, back: of(back), rim: of(back, 0.75), text: of(text), soft: of(text, big ? 1 : 0.62), hair: of(text, 0.22), faint: of(text, dark ? 0.34 : 0.24),
    arrow: of(text, 0.78), accent: of(dark ? accent.map((c) => (c + 255) / 2) : accent), classes: dark ? LIGHTER : CLASSES,
    cloud: dark ? [129, 140, 248] : [79, 70, 229], mist: dark ? [150, 150, 160] : [90, 90, 100], big: big ? 1.6 : 1, font: style.fontFamily || 'sans-serif',
  };
  dots = new Map();
}

// A round dot as a small canvas, which is copied for each point; its rim, in the page's colour, keeps neighbours apart.
function dot(colour, radius) {
  const key = `${colour} ${radius}`;
  if (!dots.has(key)) {
    const side = 2 * Math.ceil(radius + 1), sheet = Object.assign(document.createElement('canvas'), { width: side, height: side });
    const pen = sheet.getContext('2d');
    pen.fillStyle = colour;
    pen.strokeStyle = ink.rim;
    pen.lineWidth = 0.28 * radius;
    pen.arc(side / 2, side / 2, radius, 0, 7);
    pen.fill();
    if (radius > 2) pen.stroke();
    dots.set(key, sheet);
  }
  return dots.get(key);
}

function scatter(p, places, radius, colourOf) {
  let colour = null, sheet = null, r = 0;
  for (let i = 0; i < places.length; i += 2) {
    const own = colourOf(i / 2), x = p.X(places[i]), y = p.Y(places[i + 1]);
    if (own !== colour) [colour, sheet, r] = [own, dot(own, radius), dot(own, radius).width / 2];
    if (x > -r && y > -r && x < p.side + r && y < p.side + r) p.pen.drawImage(sheet, x - r, y - r);
  }
}

// The density at a time onto its sheet: the accent, or grey under coloured classes, the more the denser.
function cloud(d, time, grey) {
  const [a, b, share] = between(d.frames, time), key = `${a + share} ${grey} ${ink.key}`, size = d.width * d.height;
  if (d.shown === key) return d.sheet;
  d.shown = key;
  const pen = d.sheet.getContext('2d'), image = pen.createImageData(d.width, d.height);
  const words = new Uint32Array(image.data.buffer), [red, green, blue] = grey ? ink.mist : ink.cloud;
  const most = ink.dark ? 0.62 : 0.42;
  for (let i = 0; i < size; i++) {
    const level = d.at[a * size + i] * (1 - share) + d.at[b * size + i] * share;
    words[i] = (Math.round(most * level) << 24) | (blue << 16) | (green << 8) | red;
  }
  pen.putImageData(image, 0, 0);
  return d.sheet;
}

function paintDensity(p, d, view, time, grey) {
  const width = p.X(view) - p.X(-view);
  p.pen.imageSmoothingEnabled = true;
  p.pen.drawImage(cloud(d, time, grey), p.X(-view), p.Y(view), width, width);
}

// Ticks at round numbers, inside of the frame.
function paintTicks(p) {
  const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 100].find((s) => (2 * zoom.half) / s <= 9) || 1000, thin = p.unit / ink.big, long = 4 * p.unit;
  p.pen.beginPath();
  for (let k = Math.ceil((zoom.x - zoom.half) / step); k * step <= zoom.x + zoom.half; k++) {
    p.pen.moveTo(p.X(k * step), p.side);
    p.pen.lineTo(p.X(k * step), p.side - long);
  }
  for (let k = Math.ceil((zoom.y - zoom.half) / step); k * step <= zoom.y + zoom.half; k++) {
    p.pen.moveTo(0, p.Y(k * step));
    p.pen.lineTo(long, p.Y(k * step));
  }
  p.pen.strokeStyle = ink.soft;
  p.pen.lineWidth = thin;
  p.pen.stroke();
}

// The numbers of every other tick, above the points; one in a corner would stand on the frame.
function paintNumbers(p) {
  const step = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10].find((s) => (2 * zoom.half) / s <= 5) || 100, { pen, side, unit } = p;
  pen.font = `${9.5 * unit}px ${ink.font}`;
  const write = (v, x, y) => {
    pen.strokeText(number(v), x, y);
    pen.fillText(number(v), x, y);
  };
  pen.fillStyle = ink.soft;
  pen.strokeStyle = ink.rim;
  pen.lineWidth = 3 * unit;
  const room = (v) => v > 16 * unit && v < side - 16 * unit;
  for (let k = Math.ceil((zoom.x - zoom.half) / step); k * step <= zoom.x + zoom.half; k++) {
    pen.textAlign = 'center';
    if (room(p.X(k * step))) write(+(k * step).toFixed(2), p.X(k * step), side - 6.5 * unit);
  }
  for (let k = Math.ceil((zoom.y - zoom.half) / step); k * step <= zoom.y + zoom.half; k++) {
    pen.textAlign = 'left';
    if (room(p.Y(k * step))) write(+(k * step).toFixed(2), 6.5 * unit, p.Y(k * step) + 3.4 * unit);
  }
}

// An arrow from (x, y) along (dx, dy); its shaft goes into `shafts`, its head into `heads`.
function arrow(shafts, heads, x, y, dx, dy, most) {
  const long = Math.hypot(dx, dy);
  if (!(long > 0.5)) return;
  const head = Math.min(most, long * 0.45), ux = dx / long, uy = dy / long, w = head * 0.42;
  const [tx, ty] = [x + dx, y + dy], [bx, by] = [tx - ux * head, ty - uy * head];
  shafts.moveTo(x, y);
  shafts.lineTo(bx, by);
  heads.moveTo(tx, ty);
  heads.lineTo(bx - uy * w, by + ux * w);
  heads.lineTo(bx + uy * w, by - ux * w);
  heads.closePath();
}

function strokeArrows(p, shafts, heads, colour, width) {
  p.pen.strokeStyle = p.pen.fillStyle = colour;
  p.pen.lineWidth = width;
  p.pen.stroke(shafts);
  p.pen.fill(heads);
}

// How long a vector is drawn, in data units per its own: the longest of the frame 1.2 cells of the grid, the others by the
// square root of their length, so that short ones are seen.
function stretch(arrows, view, most) {
  const cell = Math.min((1.7 * view) / Math.sqrt(arrows.to.count), view / 4);
  return (length) => (most > 0 && length > 0 ? (1.2 * cell * Math.sqrt(length / most)) / length : 0);
}

function paintArrows(p, arrows, view, time, most) {
  const from = where(arrows.from, time), to = where(arrows.to, time), [shafts, heads] = [new Path2D(), new Path2D()];
  const long = stretch(arrows, view, most);
  for (let i = 0; i < to.length; i += 2) {
    const s = long(Math.hypot(to[i], to[i + 1])) * p.scale;
    arrow(shafts, heads, p.X(from[i]), p.Y(from[i + 1]), s * to[i], -s * to[i + 1], 5.5 * p.unit);
  }
  strokeArrows(p, shafts, heads, ink.arrow, 1.15 * p.unit);
}

// The way of single points so far.
function paintPaths(p, points, number, time, colourOf) {
  const size = 2 * points.count, now = where(points, time), [last] = between(points.frames, time);
  p.pen.lineWidth = 0.8 * p.unit;
  p.pen.globalAlpha = number > 60 ? 0.3 : 0.55;
  for (let i = 0; i < 2 * Math.min(number, points.count); i += 2) {
    p.pen.beginPath();
    for (let k = 0; k <= last; k++) p.pen.lineTo(p.X(points.at[k * size + i]), p.Y(points.at[k * size + i + 1]));
    p.pen.lineTo(p.X(now[i]), p.Y(now[i + 1]));
    p.pen.strokeStyle = colourOf(i / 2);
    p.pen.stroke();
  }
  p.pen.globalAlpha = 1;
}

// The points whose way is drawn: larger, with a dark rim.
function paintHeads(p, points, number, time, radius, colourOf) {
  const now = where(points, time);
  p.pen.strokeStyle = ink.text;
  p.pen.lineWidth = 1.1 * p.unit;
  for (let i = 0; i < 2 * Math.min(number, points.count); i += 2) {
    p.pen.beginPath();
    p.pen.arc(p.X(now[i]), p.Y(now[i + 1]), radius, 0, 7);
    p.pen.fillStyle = colourOf(i / 2);
    p.pen.fill();
    p.pen.stroke();
  }
}

// The place that was clicked: a cross, and the nearest arrow, large, with a dot where it begins.
function paintProbe(p, panel, view, time, most, place) {
  const { pen, unit } = p, x = p.X(place[0]), y = p.Y(place[1]);
  const cross = new Path2D(`M${x - 6 * unit} ${y}h${12 * unit}M${x} ${y - 6 * unit}v${12 * unit}`);
  for (const [colour, width] of [[ink.back, 4.5], [ink.text, 1.8]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = width * unit;
    pen.stroke(cross);
  }
  if (!panel.arrows) return;
  const from = where(panel.arrows.from, time), to = where(panel.arrows.to, time), [k] = nearest(from, ...place);
  if (k < 0) return;
  const [vx, vy] = [to[2 * k], to[2 * k + 1]], [shafts, heads] = [new Path2D(), new Path2D()];
  const s = 3 * p.scale * stretch(panel.arrows, view, most)(Math.hypot(vx, vy));
  const [ax, ay] = [p.X(from[2 * k]), p.Y(from[2 * k + 1])];
  arrow(shafts, heads, ax, ay, s * vx, -s * vy, 13 * unit);
  heads.arc(ax, ay, 3.5 * unit, 0, 7);
  strokeArrows(p, shafts, heads, ink.back, 6 * unit);
  strokeArrows(p, shafts, heads, ink.accent, 3 * unit);
}

// A panel at a time, `side` pixels wide; `ratio` pixels of the canvas are one of the page.
function paintPanel(pen, panel, side, ratio, time, most, marks = {}) {
  const scale = side / 2 / zoom.half, unit = ratio * ink.big * Math.max(0.8, Math.min(1.25, side / ratio / 380));
  const p = { pen, side, scale, unit, X: (x) => side / 2 + (x - zoom.x) * scale, Y: (y) => side / 2 - (y - zoom.y) * scale };
  pen.lineCap = 'round';
  pen.lineJoin = 'round';
  const { points, truth, arrows } = panel, view = data.view;
  const size = (n) => unit * Math.max(1.3, Math.min(3, 2.5 * (600 / Math.max(n, 1)) ** 0.25));
  const colourOf = points?.classes ? (i) => ink.classes[points.classes[i] % 8] : () => ink.accent;
  if (panel.density) paintDensity(p, panel.density, view, time, data.panels.some((q) => q.points?.classes));
  paintTicks(p);
  if (truth) scatter(p, where(truth, time), 0.8 * size(truth.count), () => ink.faint);
  if (points && panel.paths) paintPaths(p, points, panel.paths, time, colourOf);
  if (arrows) paintArrows(p, arrows, view, time, most);
  if (points) scatter(p, where(points, time), size(points.count), colourOf);
  if (points && panel.paths && points.frames > 1) paintHeads(p, points, panel.paths, time, 1.25 * size(points.count), colourOf);
  paintNumbers(p);
  if (marks.probe) paintProbe(p, panel, view, time, most, marks.probe);
  if (marks.ring) {
    pen.strokeStyle = ink.text;
    pen.lineWidth = 1.5 * unit;
    pen.beginPath();
    pen.arc(p.X(marks.ring[0]), p.Y(marks.ring[1]), size(points.count) + 2.5 * unit, 0, 7);
    pen.stroke();
  }
}

// The longest arrow of all panels at a time, so that their arrows can be compared.
function longestNow(time) {
  return Math.max(0, ...data.panels.filter((p) => p.arrows).map((p) => longest(where(p.arrows.to, time))));
}
