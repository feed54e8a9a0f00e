// Pictures with one heat map per word; holds every frame it was given and its maps by layer, so that scrubbing, a layer or a
// word needs no server. One head of a layer is asked for once. A byte b of a map is the share (b / 255) squared.
const SHARE = Float32Array.from({ length: 256 }, (_, b) => (b / 255) ** 2);
const RAMP = [[255, 255, 255], [255, 237, 160], [254, 178, 76], [240, 80, 35], [150, 0, 38]], SHADE = 0.3;  // as core/pictures/heat.py
const PACE = 120;  // milliseconds a frame
let chosen = 0, lit = null, pinned = null, loaded = new Map(), single = new Map(), asked = 0;

// ---- the maps of a frame ----

// The layers of a frame with their bytes, the mean over heads: [picture][word][row][column].
function layersOf(frame) {
  if (frame.read) return frame.read;
  const raw = bytes(frame.maps.data), count = value().pictures.length, words = value().width;
  let from = 0;
  frame.read = frame.maps.layers.map((layer) => {
    const size = count * words * layer.h * layer.w, data = raw.subarray(from, from + size);
    from += size;
    return { ...layer, data };
  });
  return frame.read;
}

const named = (name, head) => `${name}, head ${head}`;

// The chosen head in the frame that is shown, once it has come; it is asked for once a run.
function headOf(name, head) {
  const key = named(name, head), from = run, found = single.get(key);
  if (found?.frames) return { h: found.h, w: found.w, data: bytes(found.frames[at]) };
  if (single.has(key)) return null;
  single.set(key, {});
  server.asked_head({ run, layer: name, head: +head }).then((answer) => {
    if (from !== run) return;
    single.set(key, answer);
    ask();
  });
  return null;
}

// The layers that are averaged: the chosen one, or its chosen head, or all.
function layersShown(frame) {
  const every = layersOf(frame), some = every.filter((layer) => layer.name === find('.wv-layer').value);
  const head = find('.wv-head').value, one = some.length && head !== '' && some[0].heads > 1 ? headOf(some[0].name, head) : null;
  return one ? [one] : some.length ? some : every;
}

// The shares of picture k by the chosen layer and head, or their mean: {h, w, of: a Float32Array per word}.
function maps(layers, k) {
  const h = Math.max(...layers.map((l) => l.h)), w = Math.max(...layers.map((l) => l.w)), words = value().width;
  const of = Array.from({ length: words }, () => new Float32Array(h * w));
  for (const layer of layers) {
    const part = 1 / layers.length, down = h / layer.h, right = w / layer.w;
    for (let j = 0; j < words; j++) {
      const start = (k * words + j) * layer.h * layer.w;
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
  const layers = layersShown(frames()[at]), read = readOf(chosen);
  value().pictures.forEach((_, k) => {
    const canvas = find('.wv-pictures').children[k].querySelector('canvas'), picture = pixels(image, k), j = partner(k);
    if (j < 0) return put(canvas, picture);
    const all = maps(layers, k);
    put(canvas, heat(picture, all.of[j], all.h, all.w, ends(all, j, readOf(k).length)));
  });
  const picture = pixels(image, chosen), all = maps(layers, chosen);
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
  const lost = single.get(named(find('.wv-layer').value, find('.wv-head').value))?.words;
  find('.wv-lit').textContent = lost || (lit === null ? 'point at a word to see it large' : `“${read[lit]?.text}” over the picture`);
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
