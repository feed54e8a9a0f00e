// A network's diagram, coloured by how much its blocks change, and the maps of one block; it holds every frame and every
// block that was asked for, so that scrubbing needs no server.
const find = (s) => element.querySelector(s);
const value = () => props.value || {};
const frames = () => value().frames || [];
const BLUE = [33, 102, 172], RED = [178, 24, 43];  // less and more, as core/pictures/heat.py
let at = 0, timer = null, run = null, block = null, maps = new Map(), drawings = new Map(), asking = null;

function tag(name, className, text = '') {
  return Object.assign(document.createElement(name), { className, textContent: text });
}

function bytes(text) {
  const letters = atob(text), raw = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) raw[i] = letters.charCodeAt(i);
  return raw;
}

// ---- the diagram ----

// A diagram by model and path, asked for once.
async function diagram(model, path) {
  const key = `${model} ${path}`;
  if (!drawings.has(key)) drawings.set(key, server.asked_drawing({ model, path }));
  return (await drawings.get(key)).svg || '';
}

async function layout() {
  const { model } = value(), box = find('.nv-diagram');
  if (!model || box.dataset.model === model) return colour();
  const svg = await diagram(model, '');
  if (value().model !== model || box.dataset.model === model) return;
  box.innerHTML = svg;
  box.dataset.model = model;
  if (![...box.querySelectorAll('.nd-module')].some((m) => m.dataset.node === block)) block = value().block;
  colour();
  ask();
  open(block, 0);
}

const modules = () => [...find('.nv-diagram').querySelectorAll('.nd-module')];
const change = (i, all) => (all[i] / 255) ** 2;

function colour() {
  const frame = frames()[at];
  if (!frame?.changes) return;
  const all = bytes(frame.changes);
  modules().forEach((box) => {
    const i = value().names.indexOf(box.dataset.node), share = change(i, all);
    box.querySelector('.nd-heat').style.opacity = 0.85 * Math.sqrt(share);
    box.classList.toggle('nd-chosen', box.dataset.node === block);
    box.setAttribute('aria-pressed', box.dataset.node === block);
    box.dataset.change = Math.round(100 * share);
  });
}

// ---- the maps of a block ----

async function ask() {
  const live = !!value().running, key = block, mine = run;
  if (!key || !mine) return;
  if (!live && maps.has(key)) return draw();
  if (asking === key) return;  // while it runs, one question at a time
  asking = key;
  const found = await server.asked_maps({ run: mine, block: key });
  asking = null;
  if (mine !== run || key !== block) return ask();
  if (found.frames && !live && !value().running) maps.set(key, found);
  if (!found.frames) return say(found.words || '');
  if (!live && value().running) return;
  draw(found);
  if (live && !value().running) ask();
}

function sheet(title) {
  const figure = tag('figure', 'nv-sheet'), canvas = tag('canvas', '');
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', title);
  figure.append(canvas, tag('figcaption', '', title));
  return figure;
}

// The channels side by side, four in a row, with a gap between them; `paint` gives the colour of a place.
function put(canvas, { h, w, channels }, paint) {
  const columns = Math.min(4, channels), rows = Math.ceil(channels / columns), gap = Math.max(1, Math.round(w / 16));
  const width = columns * (w + gap) - gap, height = rows * (h + gap) - gap;
  Object.assign(canvas, { width, height });
  const out = new ImageData(width, height);
  for (let c = 0; c < channels; c++) for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) {
    const to = 4 * ((Math.floor(c / columns) * (h + gap) + y) * width + (c % columns) * (w + gap) + x);
    out.data.set(paint((c * h + y) * w + x), to);
  }
  canvas.getContext('2d').putImageData(out, 0, 0);
  canvas.style.aspectRatio = `${width} / ${height}`;
}

const mix = (share, colour) => colour.map((v) => Math.round(255 + share * (v - 255)));

function draw(found = maps.get(block)) {
  if (!found || found.name !== block) return;
  const all = bytes(found.frames[Math.min(at, found.frames.length - 1)]), size = found.h * found.w * found.channels;
  const [a, b] = [all.subarray(0, size), all.subarray(size)], box = find('.nv-maps');
  const titles = [...value().ways.map((way) => `told ${way}`), 'the difference: red more, blue less'];
  if (box.dataset.key !== titles.join()) {
    box.dataset.key = titles.join();
    box.replaceChildren(...titles.map(sheet));
  }
  const [one, two, three] = box.querySelectorAll('canvas');
  put(one, found, (i) => [a[i], a[i], a[i], 255]);
  put(two, found, (i) => [b[i], b[i], b[i], 255]);
  put(three, found, (i) => [...mix(Math.min(1, Math.abs(b[i] - a[i]) / 64), b[i] > a[i] ? RED : BLUE), 255]);
  find('.nv-title').textContent = `${found.title} · ${found.shape}`;
  const own = modules().find((box) => box.dataset.node === block), part = +found.shape.split(' ')[0];
  const seen = found.channels === 1 && found.h * found.w === part ? `all ${part} values, a place each` : `${found.channels} of its ${part} channels`;
  find('.nv-about').textContent = ` ${block} · ${found.weights.toLocaleString('en')} weights · ${seen} · its output changes by ${own?.dataset.change ?? 0} % here`;
}

function say(words) {
  find('.nv-title').textContent = words;
  find('.nv-about').textContent = '';
}

// ---- the parts of a block ----

// Opens the parts of a block below those of the blocks around it; `depth` is how many of these there are.
async function open(path, depth) {
  const { model } = value(), box = find('.nv-parts'), svg = await diagram(model, path);
  if (value().model !== model) return;
  while (box.children.length > depth) box.lastChild.remove();
  if (!svg) return;
  const figure = tag('figure', 'nv-part'), inner = tag('div', '');
  figure.dataset.path = path;
  inner.innerHTML = svg;
  figure.append(tag('figcaption', '', `inside ${path}`), inner);
  box.append(figure);
}

function choose(module) {
  const inner = module.closest('.nv-part');
  if (inner) {
    const depth = [...find('.nv-parts').children].indexOf(inner) + 1;
    inner.querySelectorAll('.nd-chosen').forEach((m) => m.classList.remove('nd-chosen'));
    if (!module.matches('.nd-leaf')) module.classList.add('nd-chosen');
    return open(`${inner.dataset.path}.${module.dataset.node}`, depth);
  }
  block = module.dataset.node;
  colour();
  ask();
  return open(block, 0);
}

// ---- steps ----

function show(k) {
  const all = frames();
  if (!all.length) return;
  at = Math.max(0, Math.min(k, all.length - 1));
  find('.fv-range').value = at;
  find('.fv-label').textContent = all[at].label || '';
  find('.nv-pictures').querySelectorAll('img').forEach((image, i) => { image.src = all[at].images[i]; });
  colour();
  ask();
}

function stop() {
  clearInterval(timer);
  timer = null;
  find('.fv-play').innerHTML = '&#9654;';
}

function play() {
  if (timer) return stop();
  if (at >= frames().length - 1) show(0);
  find('.fv-play').innerHTML = '&#10073;&#10073;';
  timer = setInterval(() => (at >= frames().length - 1 ? stop() : show(at + 1)), 200);
}

function pictures() {
  const { lanes = [] } = value(), box = find('.nv-pictures');
  if (box.dataset.key === lanes.join()) return;
  box.dataset.key = lanes.join();
  box.replaceChildren(...lanes.map((title) => {
    const figure = tag('figure', 'nv-picture'), image = tag('img', '');
    image.alt = title;
    figure.append(image, tag('figcaption', '', title));
    return figure;
  }));
}

function refresh() {
  const v = value(), root = find('.fv'), all = frames();
  stop();
  if (v.run !== run || !v.running) maps = new Map();
  if (v.run !== run) delete element.closest('.block')?.dataset.stale;
  run = v.run;
  if (v.model && find('.nv-diagram').dataset.model !== v.model) {
    block = v.block;
    find('.nv-parts').replaceChildren();
  }
  root.classList.toggle('fv-empty', !all.length);
  root.classList.toggle('fv-running', !!v.running);
  root.classList.toggle('fv-still', all.length < 2);
  find('.fv-text').textContent = v.status || '';
  find('.fv-track i').style.width = `${100 * (v.fraction || 0)}%`;
  find('.fv-range').max = Math.max(0, all.length - 1);
  find('.fv-caption').textContent = v.caption || '';
  if (v.ways) find('.nv-what').textContent = `a block's output changes by so much of its size when the network is told ${v.ways[1]} instead of ${v.ways[0]}; press a block for its maps and its parts`;
  pictures();
  layout();
  show(v.running ? all.length - 1 : Math.floor(all.length / 2));
}

element.addEventListener('input', (e) => { if (e.target.matches('.fv-range')) { stop(); show(+e.target.value); } });
element.addEventListener('click', (e) => {
  if (e.target.closest('.fv-play')) play();
  const module = e.target.closest('.nd-module');
  if (module) choose(module);
});
element.addEventListener('keydown', (e) => {
  const module = e.target.closest?.('.nd-module');
  if (!module || (e.key !== 'Enter' && e.key !== ' ') || e.ctrlKey || e.metaKey) return;
  e.preventDefault();
  e.stopPropagation();
  choose(module);
});
element.addEventListener('fv-move', (e) => { stop(); show(at + e.detail); });
element.addEventListener('fv-play', play);
whileWaiting(element, (words) => { find('.fv-text').textContent = words || value().status || ''; });
watch('value', refresh);
refresh();
fetchExample(props, server, refresh);
