// A network's diagram, coloured by how much its blocks change, and the maps of one block; it holds every frame and every
// block that was asked for, so that scrubbing needs no server.
const BLUE = [33, 102, 172], RED = [178, 24, 43];  // less and more, as core/pictures/heat.py
const PACE = 200;  // milliseconds a frame
let block = null, maps = new Map(), drawings = new Map(), asking = null;

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
  if (!went(k)) return;
  find('.nv-pictures').querySelectorAll('img').forEach((image, i) => { image.src = frames()[at].images[i]; });
  colour();
  ask();
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
  const v = value(), all = frames();
  if (v.run !== run || v.running) maps = new Map();
  const again = told();
  if (v.model && find('.nv-diagram').dataset.model !== v.model) {
    block = v.block;
    find('.nv-parts').replaceChildren();
  }
  if (v.ways) find('.nv-what').textContent = `a block's output changes by so much of its size when the network is told ${v.ways[1]} instead of ${v.ways[0]}; press a block for its maps and its parts`;
  pictures();
  layout();
  show(v.running ? all.length - 1 : again ? at : Math.floor(all.length / 2));
}

element.addEventListener('click', (e) => {
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
listen();
