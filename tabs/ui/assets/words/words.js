// Pictures with one heat map per word; holds every frame it was given and every map, so that scrubbing, a layer, a head or
// a word needs no server. A byte b of a map is the share (b / 255) squared.
const find = (s) => element.querySelector(s);
const value = () => props.value || {};
const frames = () => value().frames || [];
const SHARE = Float32Array.from({ length: 256 }, (_, b) => (b / 255) ** 2);
const RAMP = [[255, 255, 255], [255, 237, 160], [254, 178, 76], [240, 80, 35], [150, 0, 38]], SHADE = 0.3;  // as core/pictures/heat.py
let at = 0, timer = null, run = null, chosen = 0, lit = null, pinned = null, loaded = new Map(), asked = 0;

// ---- the maps of a frame ----

function bytes(text) {
  const letters = atob(text), raw = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) raw[i] = letters.charCodeAt(i);
  return raw;
}

// The layers of a frame with their bytes: [picture][head][word][row][column].
function layersOf(frame) {
  if (frame.read) return frame.read;
  const raw = bytes(frame.maps.data), count = value().pictures.length, words = value().width;
  let from = 0;
  frame.read = frame.maps.layers.map((layer) => {
    const size = count * layer.heads * words * layer.h * layer.w, data = raw.subarray(from, from + size);
    from += size;
    return { ...layer, data };
  });
  return frame.read;
}

// The shares of picture k by the chosen layer and head, or their mean: {h, w, of: a Float32Array per word}.
function maps(frame, k) {
  const every = layersOf(frame), name = find('.wv-layer').value, head = find('.wv-head').value;
  const some = every.filter((layer) => layer.name === name), layers = some.length ? some : every;
  const h = Math.max(...layers.map((l) => l.h)), w = Math.max(...layers.map((l) => l.w)), words = value().width;
  const of = Array.from({ length: words }, () => new Float32Array(h * w));
  for (const layer of layers) {
    const heads = some.length && head !== '' && +head < layer.heads ? [+head] : [...Array(layer.heads).keys()];
    const part = 1 / (layers.length * heads.length), down = h / layer.h, right = w / layer.w;
    for (const n of heads) for (let j = 0; j < words; j++) {
      const start = ((k * layer.heads + n) * words + j) * layer.h * layer.w;
      for (let y = 0, p = 0; y < h; y++) for (let x = 0; x < w; x++, p++)
        of[j][p] += part * SHARE[layer.data[start + Math.floor(y / down) * layer.w + Math.floor(x / right)]];
    }
  }
  return { h, w, of };
}

const least = (a) => a.reduce((m, v) => Math.min(m, v), Infinity);
const most = (a) => a.reduce((m, v) => Math.max(m, v), 0);
const mean = (a) => a.reduce((m, v) => m + v, 0) / a.length;

// Where the colours begin and end for a word.
function ends(all, j, count) {
  if (find('.wv-scale').value === 'own') return [least(all.of[j]), most(all.of[j])];
  return [0, Math.max(...all.of.slice(0, count).map(most))];
}

// ---- drawing ----

// Picture k of a frame as ImageData; the sheet has the pictures one below the other.
function pixels(image, k) {
  const side = image.naturalHeight / value().pictures.length;
  const sheet = Object.assign(document.createElement('canvas'), { width: image.naturalWidth, height: side });
  const pen = sheet.getContext('2d');
  pen.drawImage(image, 0, -k * side);
  return pen.getImageData(0, 0, sheet.width, side);
}

function heat(picture, values, h, w, [low, high]) {
  const { width, height } = picture, out = new ImageData(width, height);
  for (let y = 0, p = 0; y < height; y++) for (let x = 0; x < width; x++, p += 4) {
    const v = values[Math.floor(y * h / height) * w + Math.floor(x * w / width)];
    const share = Math.min(1, Math.max(0, (v - low) / Math.max(high - low, 1e-12))) * (RAMP.length - 1);
    const i = Math.min(RAMP.length - 2, Math.floor(share));
    const shade = 1 - SHADE * (1 - (picture.data[p] + picture.data[p + 1] + picture.data[p + 2]) / 765);
    for (let c = 0; c < 3; c++) out.data[p + c] = shade * (RAMP[i][c] + (share - i) * (RAMP[i + 1][c] - RAMP[i][c]));
    out.data[p + 3] = 255;
  }
  return out;
}

function put(canvas, data) {
  if (canvas.width !== data.width || canvas.height !== data.height) Object.assign(canvas, { width: data.width, height: data.height });
  canvas.getContext('2d').putImageData(data, 0, 0);
}

const percent = (v) => `${(100 * v).toFixed(v < 0.0995 ? 1 : 0)}`;
const readOf = (k) => value().words[k].filter((word) => word.read);

// The map of picture k that belongs to the lit word: that in its place, or the same word.
function partner(k) {
  if (lit === null) return -1;
  const own = readOf(chosen), other = readOf(k);
  return own.length === other.length ? lit : other.findIndex((word) => word.text === own[lit]?.text && word.kind === own[lit].kind);
}

function draw(image) {
  const frame = frames()[at], read = readOf(chosen);
  value().pictures.forEach((_, k) => {
    const canvas = find('.wv-pictures').children[k].querySelector('canvas'), picture = pixels(image, k), j = partner(k);
    if (j < 0) return put(canvas, picture);
    const all = maps(frame, k);
    put(canvas, heat(picture, all.of[j], all.h, all.w, ends(all, j, readOf(k).length)));
  });
  const picture = pixels(image, chosen), all = maps(frame, chosen);
  element.querySelectorAll('.wv-map[data-word]').forEach((tile) => {
    const j = +tile.dataset.word, m = all.of[j], range = ends(all, j, read.length);
    put(tile.querySelector('canvas'), heat(picture, m, all.h, all.w, range));
    tile.querySelector('.wv-share').textContent = `${percent(mean(m))} %`;
    tile.querySelector('.wv-spread').textContent = `${percent(least(m))} – ${percent(most(m))}`;
    tile.classList.toggle('wv-on', lit === j);
  });
  say(all, read);
  follow();
}

function say(all, read) {
  const own = find('.wv-scale').value === 'own', top = percent(ends(all, 0, read.length)[1]);
  find('.wv-ends').textContent = own
    ? 'a word’s least to its most share of attention; under it the mean, and both ends in %'
    : `0 to ${top} % of attention, the same for all words; under it the mean, and both ends in %`;
  find('.wv-lit').textContent = lit === null ? 'point at a word to see it large' : `“${read[lit]?.text}” over the picture`;
}

// Draws the frame that is shown, once its picture is there.
function ask() {
  const source = frames()[at]?.images[0];
  if (!source) return;
  const mine = ++asked, ready = loaded.get(source);
  if (ready?.complete && ready.naturalWidth) return draw(ready);
  const image = new Image();
  image.onload = () => { loaded.set(source, image); if (mine === asked) draw(image); };
  image.src = source;
}

// ---- what stands on the page ----

function tag(name, className, text = '') {
  return Object.assign(document.createElement(name), { className, textContent: text });
}

function picture(label, k) {
  const figure = tag('figure', 'wv-picture'), canvas = tag('canvas', '');
  canvas.width = canvas.height = 64;
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', label || 'the picture');
  figure.append(canvas, tag('figcaption', '', label));
  figure.dataset.picture = k;
  return figure;
}

const weights = () => document.querySelector(value().weights || '#none')?.querySelector('textarea, input');

// "red 2, apple#2 -1" as {"red": 2, "apple#2": -1}.
function written() {
  const found = {};
  for (const part of (weights()?.value || '').split(/[,;\n]/)) {
    const match = part.trim().match(/^(\S+?)(?:#1)?[\s:=]+([-+]?[\d.]+)$/);
    if (match) found[match[1].toLowerCase()] = +match[2];
  }
  return found;
}

function name(words, i) {
  const word = words[i];
  if (word.kind !== 'word') return `(${word.kind})`;
  const which = words.slice(0, i + 1).filter((w) => w.kind === 'word' && w.text === word.text).length;
  return which > 1 ? `${word.text}#${which}` : word.text;
}

function tile(words, i, j) {
  const word = words[i], box = tag('div', `wv-map wv-is-${word.kind}`);
  if (!word.read) {
    box.append(tag('div', 'wv-none', 'not read'), tag('span', 'wv-word', word.text));
    return box;
  }
  box.dataset.word = j;
  const button = tag('button', 'wv-face'), canvas = tag('canvas', '');
  button.type = 'button';
  button.setAttribute('aria-label', `the map of ${word.text}`);
  canvas.width = canvas.height = 64;
  button.append(canvas, tag('span', 'wv-word', word.text), tag('span', 'wv-share'), tag('span', 'wv-spread'));
  box.append(button);
  if (value().weights && value().sliders[chosen]) box.append(slider(name(words, i)));
  return box;
}

function slider(key) {
  const label = tag('label', 'wv-weigh'), range = tag('input', ''), shown = tag('span', '');
  Object.assign(range, { type: 'range', min: -2, max: 3, step: 0.5, value: written()[key] ?? 1 });
  range.dataset.key = key;
  range.setAttribute('aria-label', `weigh ${key}`);
  range.title = 'its factor, for “Weigh”';
  shown.textContent = `× ${range.value}`;
  label.append(range, shown);
  return label;
}

// The sliders as the field says: presets and saved settings write there too.
function follow() {
  const all = written();
  element.querySelectorAll('.wv-weigh input').forEach((range) => {
    range.value = all[range.dataset.key] ?? 1;
    range.nextSibling.textContent = `× ${+range.value}`;
  });
}

// Writes the sliders into the tab's field; other factors there stay.
function weigh(range) {
  range.nextSibling.textContent = `× ${range.value}`;
  const field = weights(), all = written();
  if (!field) return;
  all[range.dataset.key] = +range.value;
  field.value = Object.entries(all).filter(([, f]) => f !== 1).map(([key, f]) => `${key} ${f}`).join(', ');
  field.dispatchEvent(new Event('input', { bubbles: true }));
}

function options(select, all) {
  const before = select.value, key = JSON.stringify(all);
  if (select.dataset.key === key) return;
  select.dataset.key = key;
  select.replaceChildren(...all.map(([v, text]) => Object.assign(document.createElement('option'), { value: v, textContent: text })));
  select.value = all.some(([v]) => v === before) ? before : all[0][0];
}

function heads() {
  const layer = frames()[at]?.maps?.layers.find((l) => l.name === find('.wv-layer').value), n = layer?.heads || 1;
  options(find('.wv-head'), [['', 'average'], ...Array.from({ length: n > 1 ? n : 0 }, (_, i) => [`${i}`, `${i + 1} of ${n}`])]);
  find('.wv-head').disabled = n < 2;
}

function layout() {
  const { pictures = [], words = [] } = value();
  const box = find('.wv-pictures'), all = JSON.stringify([pictures, words, chosen, value().sliders]);
  find('.wv').classList.toggle('wv-several', pictures.length > 1);
  find('.wv').style.setProperty('--count', Math.max(4, pictures.length));
  if (box.dataset.key !== all) {
    box.dataset.key = all;
    box.replaceChildren(...pictures.map(picture));
    let j = 0;
    find('.wv-maps').replaceChildren(...(words[chosen] || []).map((word, i) => tile(words[chosen], i, word.read ? j++ : -1)));
  }
  [...box.children].forEach((figure, k) => figure.classList.toggle('wv-chosen', pictures.length > 1 && k === chosen));
  if (frames().length) options(find('.wv-layer'), [['', 'average of all'], ...frames().at(-1).maps.layers.filter((l) => l.name).map((l) => [l.name, l.name])]);
  heads();
}

function show(k) {
  const all = frames();
  if (!all.length) return;
  at = Math.max(0, Math.min(k, all.length - 1));
  find('.fv-range').value = at;
  find('.fv-label').textContent = all[at].label || '';
  heads();
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
  timer = setInterval(() => (at >= frames().length - 1 ? stop() : show(at + 1)), 120);
}

function choose(k) {
  chosen = k;
  lit = pinned = null;
  layout();
  ask();
  const field = document.querySelector(`${value().pick} input`);
  if (!field || +field.value === k + 1) return;
  field.value = k + 1;
  for (const event of ['input', 'change']) field.dispatchEvent(new Event(event, { bubbles: true }));
}

function light(j) {
  if (lit === j) return;
  lit = j;
  ask();
}

function refresh() {
  const v = value(), root = find('.fv'), all = frames();
  stop();
  if (v.run !== run) {
    chosen = 0;
    lit = pinned = null;
    loaded = new Map();
    delete element.closest('.block')?.dataset.stale;
  }
  run = v.run;
  root.classList.toggle('fv-empty', !all.length);
  root.classList.toggle('fv-running', !!v.running);
  root.classList.toggle('fv-still', all.length < 2);
  find('.fv-text').textContent = v.status || '';
  find('.fv-track i').style.width = `${100 * (v.fraction || 0)}%`;
  find('.fv-range').max = Math.max(0, all.length - 1);
  find('.fv-caption').textContent = v.caption || '';
  at = Math.max(0, all.length - 1);
  layout();
  show(at);
}

const wordAt = (e) => e.target.closest?.('.wv-face')?.closest('.wv-map');
element.addEventListener('pointerover', (e) => light(wordAt(e) ? +wordAt(e).dataset.word : pinned));
element.addEventListener('pointerenter', follow);
element.addEventListener('pointerleave', () => light(pinned));
element.addEventListener('focusin', (e) => { if (wordAt(e)) light(+wordAt(e).dataset.word); });
element.addEventListener('focusout', () => light(pinned));
element.addEventListener('input', (e) => {
  if (e.target.matches('.fv-range')) { stop(); show(+e.target.value); }
  if (e.target.matches('.wv-weigh input')) weigh(e.target);
});
element.addEventListener('change', (e) => {
  if (!e.target.matches('.wv-choices select')) return;
  heads();
  ask();
});
element.addEventListener('click', (e) => {
  if (e.target.closest('.fv-play')) play();
  const word = wordAt(e), figure = e.target.closest('.wv-several .wv-picture');
  if (word) light((pinned = pinned === +word.dataset.word ? null : +word.dataset.word));
  if (figure) choose(+figure.dataset.picture);
});
element.addEventListener('fv-move', (e) => { stop(); show(at + e.detail); });
element.addEventListener('fv-play', play);
whileWaiting(element, (words) => { find('.fv-text').textContent = words || value().status || ''; });
watch('value', refresh);
refresh();
