// The pointer over the panels: zoom, pan, what is under it, and the probe.
const fingers = new Map();
let hover = null, probe = null, before = null, pressed = null, sending = 0, elsewhere = 0;
const NEAR = 9;  // pixels within which a point is meant

// The place in data units under a pointer.
function placeOf(e, sheet) {
  const box = sheet.getBoundingClientRect(), scale = (2 * zoom.half) / box.width;
  return [zoom.x + (e.clientX - box.left - box.width / 2) * scale, zoom.y - (e.clientY - box.top - box.height / 2) * scale];
}

// Shows [-half, half] around (x, y), not more than the view and nothing outside of it.
function look(x, y, half) {
  zoom.half = Math.max(data.view / 200, Math.min(half, data.view));
  const room = data.view - zoom.half;
  [zoom.x, zoom.y] = [x, y].map((v) => Math.max(-room, Math.min(room, v)));
  find('.plane').classList.toggle('plane-zoomed', zoom.half < data.view);
  ask();
}

// Zooms by a factor; the place under the pointer stays.
function zoomAt([x, y], factor) {
  const half = Math.max(data.view / 200, Math.min(zoom.half * factor, data.view)), f = half / zoom.half;
  look(x + (zoom.x - x) * f, y + (zoom.y - y) * f, half);
}

const figure = (v) => v.toFixed(2).replace('-', '−').replace(/^−(0\.00)$/, '$1');
const pair = (x, y) => `(${figure(x)}, ${figure(y)})`;

// What a panel has at a place, in words; for a data point within reach its own place.
function told(panel, place, reach) {
  const { points, arrows, density } = panel, parts = [];
  const [k, far] = points ? nearest(where(points, time), ...place) : [-1, Infinity];
  const at = far < reach ? [points.now[2 * k], points.now[2 * k + 1]] : place;
  parts.push(`${far < reach ? 'point ' : ''}${pair(...at)}`);
  if (arrows) {
    const [i] = nearest(where(arrows.from, time), ...at), v = where(arrows.to, time);
    if (i >= 0) parts.push(`vector ${pair(v[2 * i], v[2 * i + 1])}, length ${figure(Math.hypot(v[2 * i], v[2 * i + 1]))}`);
  }
  if (density) parts.push(`density ${Math.round(100 * densityAt(density, at) ** 2)} % of its peak`);
  return { text: parts.join(' · '), ring: far < reach ? at : null };
}

// The square root of the density over its peak, which is what a panel has.
function densityAt(d, [x, y]) {
  const cell = (v, n) => Math.max(0, Math.min(n - 1, Math.floor(((v + data.view) / (2 * data.view)) * n)));
  const [a, b, share] = between(d.frames, time), size = d.width * d.height, i = cell(-y, d.height) * d.width + cell(x, d.width);
  return (d.at[a * size + i] * (1 - share) + d.at[b * size + i] * share) / 255;
}

// The lines under the panels, and the rings around points: all panels tell the place that is under the pointer in one.
function tellAll(sheets) {
  const place = hover || probe;
  return data.panels.map((panel, k) => {
    const { text = '', ring = null } = place ? told(panel, place, (NEAR * 2 * zoom.half) / (sheets[k].clientWidth || 400)) : {};
    const line = all('.plane-told')[k];
    if (line.textContent !== text) line.textContent = text;
    return hover ? ring : null;
  });
}

// A click: the probe stands there at once; the server is told unless a second click follows.
function setProbe(place) {
  if (!sending) before = probe;
  probe = place;
  clearTimeout(sending);
  sending = setTimeout(() => { sending = 0; trigger('input', { probe: place.map((v) => +v.toFixed(4)) }); }, 260);
  ask();
}

function spread() {
  const [a, b] = [...fingers.values()];
  return { far: Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY), e: { clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 } };
}

function down(e) {
  const sheet = e.target.closest('.plane-sheet');
  if (!sheet || e.button) return;
  fingers.set(e.pointerId, e);
  pressed = { sheet, x: e.clientX, y: e.clientY, from: { ...zoom }, moved: fingers.size > 1, pinch: fingers.size === 2 && spread() };
  if (e.pointerType === 'mouse') sheet.setPointerCapture(e.pointerId);
}

function drag(e) {
  fingers.set(e.pointerId, e);
  if (fingers.size === 2 && pressed.pinch) {
    const now = spread(), place = placeOf(now.e, pressed.sheet);
    zoomAt(place, pressed.pinch.far / Math.max(1, now.far));
    pressed.pinch = now;
    return;
  }
  const [dx, dy] = [e.clientX - pressed.x, e.clientY - pressed.y], scale = (2 * pressed.from.half) / pressed.sheet.clientWidth;
  pressed.moved ||= Math.hypot(dx, dy) > 5;
  if (pressed.moved && fingers.size === 1) look(pressed.from.x - dx * scale, pressed.from.y + dy * scale, zoom.half);
}

function move(e) {
  if (pressed && fingers.has(e.pointerId)) return drag(e);
  const sheet = e.target.closest?.('.plane-sheet');
  const chart = e.target.closest?.('.plane-chart');
  if (chart) return overChart(chart, e);
  if (!sheet && !hover) return;
  hover = sheet ? placeOf(e, sheet) : null;
  ask();
}

function up(e) {
  if (!fingers.delete(e.pointerId) || !pressed) return;
  if (!pressed.moved && e.type === 'pointerup') setProbe(placeOf(e, pressed.sheet));
  const [left] = fingers.values();  // of two fingers, the one that stays drags on from where it is
  pressed = left ? { ...pressed, x: left.clientX, y: left.clientY, from: { ...zoom }, moved: true, pinch: false } : null;
}

function overChart(sheet, e) {
  const k = all('.plane-chart').indexOf(sheet), box = sheet.getBoundingClientRect(), ratio = sheet.width / box.width;
  const place = [(e.clientX - box.left) * ratio, (e.clientY - box.top) * ratio];
  drawChart(sheet, data.charts[k], markAt(sheet.getContext('2d'), data.charts[k], ...place, sheet.width, sheet.height, ratio));
}

// A wheel that began to turn outside of a panel scrolls the page on; so does one that zooms out at the widest.
function wheel(e) {
  const sheet = e.target.closest?.('.plane-sheet'), going = e.timeStamp - elsewhere < 250;
  if (!sheet || going || (e.deltaY > 0 && zoom.half >= data.view)) { elsewhere = e.timeStamp; return; }
  e.preventDefault();
  zoomAt(placeOf(e, sheet), Math.exp(Math.max(-60, Math.min(60, e.deltaMode ? 30 * e.deltaY : e.deltaY)) / 300));
}

element.addEventListener('pointerdown', down);
element.addEventListener('pointermove', move);
element.addEventListener('pointerup', up);
element.addEventListener('pointercancel', up);
element.addEventListener('pointerleave', () => { if (hover) { hover = null; ask(); } all('.plane-chart').forEach((c, k) => drawChart(c, data.charts[k])); });
element.addEventListener('wheel', wheel, { passive: false });
element.addEventListener('dblclick', (e) => {
  if (!e.target.closest('.plane-sheet')) return;
  clearTimeout(sending);
  if (sending) probe = before;
  sending = 0;
  look(0, 0, data.view);
});
