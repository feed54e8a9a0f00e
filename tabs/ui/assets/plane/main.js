// The figure: panels that share time, zoom and view; slider, playing, and what a new value changes.
let data = decoded({}), time = 0, playing = false, wanted = false, back = false, asked = 0, chartsAsked = 0, clock = 0, run = null;
const SECONDS = [3, 14];  // playing all frames takes at least and at most
const root = () => find('.plane');
const labelNow = () => data.labels[Math.round(time)] || '';

function made(name, className, more = {}) {
  return Object.assign(document.createElement(name), { className, ...more });
}

function panelBox() {
  const box = made('div', 'plane-panel'), sheet = made('canvas', 'plane-sheet');
  sheet.setAttribute('role', 'img');
  box.append(made('div', 'plane-title'), sheet, made('div', 'plane-note'), made('div', 'plane-told'));
  return box;
}

function chartBox() {
  const sheet = made('canvas', 'plane-chart');
  sheet.setAttribute('role', 'img');
  return sheet;
}

// As many boxes as there are panels and charts; those that stand stay.
function layout() {
  for (const [selector, many, make] of [['.plane-panels', data.panels.length, panelBox], ['.plane-charts', data.charts.length, chartBox]]) {
    const box = find(selector);
    while (box.children.length > many) box.lastChild.remove();
    while (box.children.length < many) box.append(make());
  }
  find('.plane-panels').dataset.count = data.panels.length;
  find('.plane-charts').dataset.count = data.charts.length;
}

// How many panels fit beside each other, for the style sheet.
function fit() {
  const width = element.clientWidth;
  root().dataset.room = width >= 940 ? 'wide' : width > 700 ? 'usual' : width > 440 ? 'narrow' : 'phone';
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function captions() {
  all('.plane-panel').forEach((box, k) => {
    const { title, note } = data.panels[k];
    put(box.querySelector('.plane-title'), title);
    put(box.querySelector('.plane-note'), note);
    box.querySelector('.plane-note').title = note;
    box.querySelector('canvas').setAttribute('aria-label', [title, note].filter(Boolean).join(': '));
  });
  all('.plane-chart').forEach((sheet, k) => sheet.setAttribute('aria-label', chartInWords(data.charts[k])));
  legendBox();
  put(find('.fv-text'), data.status || '');
  put(find('.fv-caption'), data.caption || '');
  put(find('.plane-words'), data.description || '');
  find('.fv-track i').style.width = `${100 * (data.fraction || 0)}%`;
}

// The canvas as large as it stands on the page, in its pixels; false where it is not seen.
function fitted(sheet) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2.5), [w, h] = [sheet.clientWidth, sheet.clientHeight].map((v) => Math.round(v * ratio));
  if (!w || !h) return 0;
  if (sheet.width !== w || sheet.height !== h) Object.assign(sheet, { width: w, height: h });
  else sheet.getContext('2d').clearRect(0, 0, w, h);
  return ratio;
}

function drawChart(sheet, chart, mark) {
  const ratio = chart && fitted(sheet);
  if (ratio) paintChart(sheet.getContext('2d'), chart, sheet.width, sheet.height, ratio, mark);
}

function draw() {
  asked = 0;
  const sheets = all('.plane-sheet'), rings = tellAll(sheets), most = longestNow(time);
  sheets.forEach((sheet, k) => {
    const ratio = fitted(sheet);
    if (ratio) paintPanel(sheet.getContext('2d'), data.panels[k], sheet.width, ratio, time, most, { probe, ring: rings[k] });
  });
  if (film) compose(film.sheet, film.page);
}

// Draws before the page is painted next; many changes are one drawing.
function ask() {
  asked ||= requestAnimationFrame(draw);
}

function askAll() {
  ask();
  chartsAsked ||= requestAnimationFrame(() => requestAnimationFrame(drawCharts));
}

// With the colours as they are now, which takes the browser a while.
function repaint() {
  readInk();
  askAll();
}

// A frame later than the panels, so that no frame takes long.
function drawCharts() {
  chartsAsked = 0;
  drawLegend();
  all('.plane-chart').forEach((sheet, k) => drawChart(sheet, data.charts[k]));
}

function show(t) {
  time = Math.max(0, Math.min(t, data.frames - 1));
  const range = find('.fv-range'), k = Math.round(time);
  if (+range.value !== k) range.value = k;
  range.setAttribute('aria-valuetext', labelNow());
  put(find('.fv-label'), labelNow());
  ask();
}

function sign() {
  const button = find('.fv-play');
  button.innerHTML = playing ? '&#10073;&#10073;' : '&#9654;';
  button.setAttribute('aria-label', playing ? 'Pause' : 'Play');
}

function stop() {
  playing = wanted = back = false;
  sign();
}

function tick(now) {
  if (!playing) return;
  if (element.offsetParent === null) return stop();
  const rate = data.frames / Math.max(SECONDS[0], Math.min(SECONDS[1], data.frames / 15)) * +find('.plane-speed').value;
  const next = time + (back ? -1 : 1) * rate * Math.min(0.25, (now - clock) / 1000);
  clock = now;
  show(next);
  if (time >= data.frames - 1 && data.returning && !film) back = true;
  else if (time >= data.frames - 1 || (back && !time)) { stop(); return recorded(); }
  requestAnimationFrame(tick);
}

function play() {
  if (playing) return stop();
  if (data.frames < 2) return;
  if (time >= data.frames - 1) show(0);
  playing = true;
  clock = performance.now();
  sign();
  requestAnimationFrame(tick);
}

// Plays a new figure as soon as it is seen.
function begin() {
  if (!wanted || element.offsetParent === null) return;
  wanted = false;
  opening(play);
}

// What was looked at: at its end the slider follows a figure that grows, elsewhere it stays.
function goOn(ended) {
  if (zoom.half > data.view) look(0, 0, data.view);
  show(ended ? data.frames - 1 : time);
}

function beginAnew() {
  stop();
  probe = before = hover = null;
  look(0, 0, data.view);
  show(data.at || 0);
  wanted = !!data.playing;
}

function refresh() {
  const ended = time >= data.frames - 1, first = !data.panels.length;
  data = decoded(props.value);
  layout();
  fit();
  captions();
  root().classList.toggle('fv-empty', !data.panels.length);
  root().classList.toggle('fv-still', data.frames < 2);
  root().classList.toggle('fv-running', (data.fraction ?? null) !== null);
  find('.fv-range').max = data.frames - 1;
  const { dataset } = element.closest('.block') ?? element;  // with the mark of other settings
  if (!data.keep || data.run !== run || dataset.stale === 'pressed') delete dataset.stale;
  run = data.run;
  if (data.keep && !first) goOn(ended);
  else beginAnew();
  if (ink) askAll();
  else repaint();
  begin();
  remember(first);
}

// The settings of the figure, for a reload; the first figure of a page makes room for those from before it.
function remember(first) {
  const figure = element.closest('.block'), { settings } = props.value || {};
  if (settings?.experiment && !data.fraction) ownRuns.add(figure, settings);
  else if (first && data.panels.length) comeBack(figure?.id, trigger);
}

element.addEventListener('input', (e) => { if (e.target.matches('.fv-range')) { stop(); show(+e.target.value); } });
element.addEventListener('click', (e) => {
  if (e.target.closest('.fv-play')) play();
  if (e.target.closest('.plane-png')) savePicture();
  if (e.target.closest('.plane-webm')) saveVideo();
});
element.addEventListener('fv-move', (e) => { stop(); show(Math.round(time) + e.detail); });
element.addEventListener('fv-play', play);
find('.plane-webm').hidden = !RECORDS;
new ResizeObserver(() => { fit(); repaint(); begin(); }).observe(element);
for (const node of [document.documentElement, document.body, document.querySelector('main.contain')?.firstElementChild]) {
  if (node) new MutationObserver(repaint).observe(node, { attributes: true, attributeFilter: ['class'] });
}
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => setTimeout(repaint, 50));
whileWaiting(element, (words) => put(find('.fv-text'), words || data.status || ''));
watch('value', refresh);
refresh();
