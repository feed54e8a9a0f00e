// What is on the canvas: the square of a source, what is drawn over it, a mask; how it is shown, undone, sent and kept.
const { side: SIDE, grid: GRID, kind: KIND } = props, UNIT = SIDE / GRID;
const UNDOS = 40, INK = [255, 45, 149], DIM = 'rgb(0 0 0 / .55)';
const base = blank(SIDE), ink = blank(SIDE);
let source = null, crop = null, mask = new Uint8Array(GRID * GRID), feather = 0;
let past = [], future = [], sent = '', asked = 0, loads = 0, told = '';
let view = { zoom: 1, x: 0, y: 0 };  // the part that is seen begins at x, y

// Pixels averaged over blocks of that size.
function reduced(canvas, block, x = 0, y = 0, side = canvas.width) {
  const from = penOf(canvas).getImageData(x, y, side, side).data, n = side / block, to = new ImageData(n, n);
  for (let k = 0; k < n * n; k++)
    for (let c = 0; c < 4; c++) {
      let sum = 0;
      for (let j = 0; j < block; j++)
        for (let i = 0; i < block; i++) sum += from[4 * ((Math.floor(k / n) * block + j) * side + (k % n) * block + i) + c];
      to.data[4 * k + c] = sum / block ** 2;
    }
  return to;
}

// The square of the source on the base; an enlargement, and one back, by a whole number keeps every pixel.
function lay() {
  const pen = penOf(base);
  pen.fillStyle = '#fff';
  pen.fillRect(0, 0, SIDE, SIDE);
  if (!source) return;
  const { x, y, side } = crop;
  if (side > SIDE && side % SIDE === 0) return pen.putImageData(reduced(source, side / SIDE, x, y, side), 0, 0);
  pen.imageSmoothingEnabled = SIDE % side !== 0;
  pen.imageSmoothingQuality = 'high';
  pen.drawImage(source, x, y, side, side, 0, 0, SIDE, SIDE);
}

// A new picture, its middle square, nothing drawn on it; a mask stays.
function place(picture) {
  const side = Math.min(picture.width, picture.height);
  source = picture;
  crop = { x: Math.floor((picture.width - side) / 2), y: Math.floor((picture.height - side) / 2), side };
  penOf(ink).clearRect(0, 0, SIDE, SIDE);
  view = { zoom: 1, x: 0, y: 0 };
  lay();
}

function empty() {
  source = crop = null;
  penOf(ink).clearRect(0, 0, SIDE, SIDE);
  lay();
}

// After the square was moved or resized: what was drawn, and the mask, stay on the part of the picture that they were made on.
function carry(before) {
  const old = blank(SIDE), pen = penOf(ink), f = before.crop.side / crop.side;
  const [x, y] = [before.crop.x - crop.x, before.crop.y - crop.y];
  penOf(old).putImageData(before.ink, 0, 0);
  pen.clearRect(0, 0, SIDE, SIDE);
  pen.drawImage(old, (x * SIDE) / crop.side, (y * SIDE) / crop.side, SIDE * f, SIDE * f);
  const cell = (k, from) => Math.floor((((k + 0.5) / GRID) * crop.side - from) / before.crop.side * GRID), within = (k) => k >= 0 && k < GRID;
  mask = mask.map((_, k) => {
    const [u, v] = [cell(k % GRID, x), cell(Math.floor(k / GRID), y)];
    return within(u) && within(v) ? before.mask[v * GRID + u] : 0;
  });
}

function compose() {
  const whole = blank(SIDE), pen = penOf(whole);
  pen.drawImage(base, 0, 0);
  pen.drawImage(ink, 0, 0);
  return whole;
}

// ---- undo ----

function state() {
  return { source, crop: crop && { ...crop }, ink: penOf(ink).getImageData(0, 0, SIDE, SIDE), mask };
}

function back(before) {
  ({ source, mask } = before);
  crop = before.crop && { ...before.crop };
  penOf(ink).putImageData(before.ink, 0, 0);
  lay();
}

function remember(before) {
  past = [...past, before].slice(-UNDOS);
  future = [];
}

function change(how) {
  remember(state());
  how();
  send();
}

// One step back, or forward again.
function undo(from = past, to = future) {
  if (!from.length || stroke) return;
  to.push(state());
  back(from.pop());
  if (tool === 'crop' && !source) choose(marker);
  send();
}

// ---- to the server, and from it ----

const keyOf = (value) => `${value?.picture || ''} ${value?.mask || ''}`;
const printOf = (value) => `${value?.picture?.length || 0} ${(value?.picture || '').slice(-40)} ${(value?.mask || '').slice(-40)}`;

// Gives the server what stands on the canvas: once for each change. Gradio then triggers `change` itself.
function send() {
  const value = props.optional && !source && !pixelsOf(ink).some(Boolean) ? {} : { picture: compose().toDataURL() };
  if (KIND === 'mask') value.mask = maskFile();
  sent = keyOf(value);
  props.value = value;
  trigger('input');
  say('');
  ask();
  setTimeout(keep, 60);
}

const pixelsOf = (canvas) => penOf(canvas).getImageData(0, 0, SIDE, SIDE).data;

// A value that the server gave. Undo leads back to what stood before; the same picture keeps its source and its square.
async function load() {
  const value = props.value, key = keyOf(value), mine = ++loads, first = !sent;
  if (key === sent) return;
  sent = key;
  if (ownInstead()) return restore();
  const [picture, cells] = await Promise.all([opened(value?.picture), opened(value?.mask)]);
  if (mine !== loads) return;  // another came meanwhile
  const before = state(), seen = pixelsOf(compose());
  if (picture) place(sourceOf(picture));
  else if (!cells) empty();
  if (picture && pixelsOf(base).every((v, k) => v === seen[k])) back(before);
  mask = cells ? cellsOf(cells) : new Uint8Array(GRID * GRID);
  told = printOf(value);
  if (!first) { remember(before); setTimeout(keep, 60); }
  if (tool === 'crop') choose(marker);
  say('');
  ask();
}

// ---- over a reload ----

const KEY = `canvas ${props.home}`;
const found = (() => {
  try { return JSON.parse(sessionStorage.getItem(KEY)); } catch { return null; }
})();
let restored = false, touched = false;
for (const name of ['pointerdown', 'keydown']) document.addEventListener(name, () => { touched = true; }, { capture: true, once: true });

// What is drawn, kept for this window, and upon which value of the server.
function keep() {
  if (source) source.uri ||= source.toDataURL();
  const whole = { told, source: source?.uri, crop, ink: ink.toDataURL(), mask: mask.join('') };
  try {
    sessionStorage.setItem(KEY, JSON.stringify(whole));
  } catch {
    try { sessionStorage.removeItem(KEY); } catch { /* a page inside another's may not keep anything */ }
  }
}

// Whether a value is only what the page opens with: its first one, of which Gradio may tell twice, or until a person does
// something that of the preset in its address. What was kept goes before it.
function ownInstead() {
  const now = printOf(props.value);
  return !!found && (restored && touched ? false : now === props.begins || (restored && now === found.told));
}

async function restore() {
  restored = true;
  const [picture, drawn] = await Promise.all([opened(found.source), opened(found.ink)]);
  ({ crop, told } = found);
  source = picture && sourceOf(picture);
  mask = Uint8Array.from(found.mask, Number);
  lay();
  penOf(ink).clearRect(0, 0, SIDE, SIDE);
  penOf(ink).drawImage(drawn, 0, 0);
  send();
}
