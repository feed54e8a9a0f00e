// The live preview and the scrubber: holds every frame it was given, plays and scrubs them without the server.
const find = (s) => element.querySelector(s);
const value = () => props.value || {};
const frames = () => value().frames || [];
const OPENING = 2500;  // milliseconds in which an example plays when it is first seen
const PIXELS = 32;  // a gap is this part of a picture
let at = 0, timer = null, way = 1, rest = 0, run = null, chosen = null, telling = false;

// What must not be torn apart, such as "w = 1", gets a span of its own, and so does a dot, for a line may end there.
function whole(text) {
  const span = document.createElement('span');
  span.append(...text.split(/( · |\S+ = [^\s,]+)/).map((part, i) => i % 2
    ? Object.assign(document.createElement('span'), { className: part === ' · ' ? 'fv-dot' : 'fv-whole', textContent: part })
    : part));
  return span;
}

function labels(className, texts) {
  const box = document.createElement('div');
  box.className = className;
  box.replaceChildren(...texts.map(whole));
  return box;
}

// How much of the height that the pictures have together belongs to a lane; all have the same, so that with lanes one
// above the other every picture stands under its own.
function share() {
  const { lanes, columns = 1, origins = [] } = value();
  if (columns > 1 || lanes.length === 1) return 1 / Math.ceil(lanes.length / columns);
  return (origins.some(Boolean) ? 1 : 0.84) / lanes.length;
}

// The sheet of a lane with a gap between its pictures, through which the page shows; some sheets have one already, and
// then their sides are no multiples of their pictures'.
function spread(image) {
  const { columns = 1, count = 1 } = value().grid || {}, rows = Math.ceil(count / columns);
  const [w, h] = [image.naturalWidth / columns, image.naturalHeight / rows];
  const gap = Number.isInteger(w) && Number.isInteger(h) ? w / PIXELS : 0, foot = w * (value().grid?.foot || 0);
  const sheet = image.parentElement.querySelector('canvas');
  sheet.width = image.naturalWidth + gap * (columns - 1);
  sheet.height = image.naturalHeight + gap * (rows - 1) + foot * rows;
  const pen = sheet.getContext('2d');
  if (!gap) return pen.drawImage(image, 0, 0);
  for (let k = 0; k < count; k++) {
    const [x, y] = [k % columns, Math.floor(k / columns)];
    pen.drawImage(image, x * w, y * h, w, h, x * (w + gap), y * (h + gap + foot), w, h);
  }
}

function lane(title, index) {
  const grid = value().grid || {};
  const figure = document.createElement('figure');
  const image = document.createElement('img');
  image.alt = title;
  image.dataset.lane = index;
  const caption = document.createElement('figcaption');
  caption.textContent = title;
  const across = grid.across || [], down = grid.down || [];
  const below = index > 0 && (value().columns || 1) === 1;  // the columns have their labels already
  const small = below && !!(value().origins || [])[index];
  figure.style.setProperty('--share', share());
  const wide = (n) => (PIXELS + 1) * n - 1, { columns = 1, count = 1 } = grid, rows = Math.ceil(count / columns);
  const foot = PIXELS * (grid.foot || 0), high = (PIXELS * (grid.tall || 1) + foot + 1) * rows - 1, ratio = wide(columns) / high;
  if (grid.columns) figure.style.setProperty('--ratio', ratio);
  figure.classList.toggle('fv-small', small);
  figure.classList.toggle('fv-rows', down.length > 0);
  figure.classList.toggle('fv-pick', !!grid.pick);
  if (across.length && !below) figure.append(labels('fv-across', across));
  if (down.length) figure.append(labels('fv-down', down));
  const frame = document.createElement('div');
  frame.className = 'fv-frame';
  const sheet = Object.assign(document.createElement('canvas'), { width: wide(columns), height: foot ? high : wide(rows) });
  const cells = Object.assign(document.createElement('div'), { className: 'fv-cells' });
  const between = foot ? 100 * (1 + foot) / (high - foot) : 100 / wide(rows);
  cells.style.cssText = `--columns: ${columns}; gap: ${between}% ${100 / wide(columns)}%; bottom: ${100 * foot / high}%; height: auto`;
  cells.classList.toggle('fv-foot', foot > 0);
  cells.append(...Array.from({ length: grid.pick ? columns * rows : 0 }, () => document.createElement('i')));
  image.onload = () => spread(image);
  frame.append(sheet, image, cells);
  figure.append(frame, caption);
  return figure;
}

function layout() {
  const { lanes = [], columns, grid, origins } = value();
  const box = find('.fv-lanes');
  const key = JSON.stringify([lanes, columns, grid, origins]);
  if (box.dataset.key !== key) {
    box.dataset.key = key;
    box.replaceChildren(...lanes.map(lane));
  }
  box.style.setProperty('--columns', columns || 1);
}

function unchoose() {
  chosen = null;
  element.querySelectorAll('.fv-chosen').forEach((cell) => cell.classList.remove('fv-chosen'));
}

// A click on a picture of the grid chooses it: its number goes into the tab's number field, and it is outlined.
function choose(e) {
  const grid = value().grid, box = e.target.getBoundingClientRect();
  const rows = Math.ceil(grid.count / grid.columns);
  const column = Math.min(grid.columns - 1, Math.floor((e.clientX - box.left) / box.width * grid.columns));
  const row = Math.min(rows - 1, Math.floor((e.clientY - box.top) / box.height * rows));
  const k = row * grid.columns + column;
  if (k >= grid.count) return;
  unchoose();
  element.querySelectorAll('.fv-cells').forEach((cells) => cells.children[k]?.classList.add('fv-chosen'));
  chosen = k;
  tell(true);
}

// Writes the chosen picture's number into the tab's number field: at a click, and, where it was clicked before all was
// filled that follows a run, once more: that begins with the first picture.
function tell(clicked) {
  const field = document.querySelector(`${value().grid?.pick} input`);
  if (!field || chosen === null || (!clicked && +field.value === chosen + 1)) return;
  telling = true;
  enter(field, chosen + 1);
  telling = false;
}

function show(k) {
  const all = frames();
  if (!all.length) return;
  at = Math.max(0, Math.min(k, all.length - 1));
  const { lanes, origins = [] } = value();
  find('.fv-lanes').querySelectorAll('img').forEach((image, i) => {
    const begin = all[at].end && origins[i];  // in the result x_t is x_0: what it came from tells more
    const source = all[begin ? 0 : at].images[i];  // the last frame, and a step up, have no noise estimates to show
    image.parentElement.style.visibility = source ? 'visible' : 'hidden';
    if (source) image.src = source;
    image.closest('figure').querySelector('figcaption').textContent = begin || lanes[i];
  });
  const under = all[at].end ? value().under || [] : [];  // it is known of the result alone
  find('.fv-lanes .fv-cells')?.childNodes.forEach((cell, k) => { cell.dataset.under = under[k] || ''; });
  find('.fv-range').value = at;
  find('.fv-label').textContent = all[at].label || '';
}

function stop() {
  clearInterval(timer);
  timer = null;
  find('.fv-play').innerHTML = '&#9654;';
}

// Forward to the end; with "back" in the value to and fro, resting at both ends, until it is stopped.
function tick() {
  const end = frames().length - 1;
  if (!value().back) return at >= end ? stop() : show(at + 1);
  if (rest) { rest -= 1; return; }
  way = at >= end ? -1 : at <= 0 ? 1 : way;
  show(at + way);
  if (at === 0 || at === end) rest = 10;
}

function play(each = 80) {
  if (timer) return stop();
  if (at >= frames().length - 1 && !value().back) show(0);
  find('.fv-play').innerHTML = '&#10073;&#10073;';
  timer = setInterval(tick, each);
}

function refresh() {
  const v = value();
  stop();
  layout();
  const root = find('.fv');
  root.classList.toggle('fv-empty', !frames().length);
  root.classList.toggle('fv-running', !!v.running);
  root.classList.toggle('fv-still', frames().length < 2);
  find('.fv-text').textContent = v.status || '';
  find('.fv-track i').style.width = `${100 * (v.fraction || 0)}%`;
  find('.fv-range').max = Math.max(0, frames().length - 1);
  const caption = find('.fv-caption');  // while a run has none yet, that of the one before keeps its place, unseen
  caption.style.visibility = v.caption ? '' : 'hidden';
  if (v.caption || !v.running) caption.textContent = v.caption || '';
  if (v.run !== run) {
    unchoose();
    delete element.closest('.block')?.dataset.stale;  // its own mark; a figure around it has another run
  }
  run = v.run;
  show(v.back ? 0 : frames().length - 1);
}

element.addEventListener('input', (e) => { if (e.target.matches('.fv-range')) { stop(); show(+e.target.value); } });
element.addEventListener('change', (e) => {
  if (e.target.matches('.fv-smooth input')) find('.fv').classList.toggle('fv-soft', e.target.checked);
});
element.addEventListener('click', (e) => {
  if (e.target.closest('.fv-play')) play();
  if (e.target.matches('.fv-pick img')) choose(e);
});
element.addEventListener('fv-move', (e) => { stop(); show(at + e.detail); });
element.addEventListener('fv-play', () => play());
element.addEventListener('fv-numbered', () => tell());
document.addEventListener('input', (e) => {
  const pick = value().grid?.pick;
  if (!telling && pick && e.target.matches(`${pick} input`)) unchoose();
});
whileWaiting(element, (words) => { find('.fv-text').textContent = words || value().status || ''; });
watch('value', refresh);
refresh();
fetchExample(props, server, () => { refresh(); opening(() => play(OPENING / frames().length)); }, trigger);
