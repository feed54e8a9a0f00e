// The buttons and the keys, and what the page and the server tell.
const DO = {
  upload: () => find('.paint-file').click(), paste, camera: film, snap, unsnap: unfilm,
  undo: () => undo(), redo: () => undo(future, past), clear,
  in: () => closer(1.5), out: () => closer(1 / 1.5),
  invert: () => masked(inverted), grow: () => masked((cells) => grown(cells, 2)), shrink: () => masked((cells) => grown(cells, -2)),
};

function say(words) {
  find('.paint-said').textContent = words;
}

function hint(words = tool === 'crop' ? 'drag the square' : 'or drop one here') {
  find('.paint-hint').textContent = words;
}

function made(text, more) {
  const button = Object.assign(document.createElement('button'), { type: 'button', textContent: text });
  for (const [name, value] of Object.entries(more)) button.setAttribute(name, value);
  return button;
}

// The choices that differ by kind: sizes, colours, presets.
function furnish() {
  for (const node of all('[data-for]')) if (node.dataset.for !== KIND) node.remove();
  find('.paint').dataset.kind = KIND;
  find('.paint-sheet').setAttribute('aria-label', `${props.words.label}: draw with the pointer`);
  if (KIND === 'mask') for (const [name, text] of [['brush', 'Paint'], ['eraser', 'Erase']]) find(`[data-tool=${name}]`).textContent = text;
  for (const one of SIZES) {
    const button = made('', { role: 'radio', 'data-size': one, title: `${one} of ${GRID} pixels wide`, 'aria-label': `${one} of ${GRID} pixels wide` });
    const dot = document.createElement('i');
    dot.style.width = dot.style.height = `${Math.min(4 + (one / SIZES.at(-1)) * 14, 18)}px`;
    button.append(dot);
    find('.paint-sizes').append(button);
  }
  for (const one of props.colours) {
    const button = made('', { role: 'radio', 'data-colour': one, title: one, 'aria-label': one });
    button.style.background = one;
    find('.paint-colours')?.append(button);
  }
  for (const [title, uri] of Object.entries(props.presets || {})) find('.paint-presets')?.append(made(title, { 'data-preset': uri }));
}

function sized(one) {
  size = +one;
  chosen('[data-size]', (button) => +button.dataset.size === size);
}

function coloured(one) {
  colour = one;
  chosen('[data-colour]', (button) => button.dataset.colour === colour);
  if (tool === 'eraser' || tool === 'crop') choose('brush');
}

async function pressed(e) {
  const { tool: name, size: wide, colour: paint, preset, do: what } = e.target.closest('button')?.dataset || {};
  if (name) choose(name);
  else if (wide) sized(wide);
  else if (paint) coloured(paint);
  else if (preset) { const cells = cellsOf(await opened(preset)); masked(() => cells); }
  else if (what) { say(''); DO[what](); }
}

// Ctrl+Z; the arrows choose among buttons of one group, move the square, or move what is seen of the canvas.
function keys(e) {
  const ctrl = e.ctrlKey || e.metaKey, key = e.key.toLowerCase();
  if (ctrl && key === 'z') { e.shiftKey ? DO.redo() : DO.undo(); return e.preventDefault(); }
  if (ctrl && key === 'y') { DO.redo(); return e.preventDefault(); }
  const [dx, dy] = { ArrowRight: [1, 0], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowUp: [0, -1] }[e.key] || [0, 0];
  if (!dx && !dy) return;
  if (e.target.matches('[role=radio]')) {
    const group = [...e.target.closest('[role=radiogroup]').querySelectorAll('[role=radio]:not(:disabled)')];
    const next = group.at((group.indexOf(e.target) + dx + dy) % group.length);
    next.focus();
    next.click();
  } else if (e.target.matches('.paint-sheet') && tool === 'crop') {
    const step = crop.side / 16, before = state();
    change(() => { moveCrop(dx * step, dy * step); carry(before); });
  } else if (e.target.matches('.paint-sheet') && view.zoom > 1) look(view.zoom, view.x + (dx * SIDE) / 16, view.y + (dy * SIDE) / 16);
  else return;
  e.preventDefault();
}

let squared = null;  // what stood before the square was made larger or smaller

function inputs(e) {
  if (e.target.matches('.paint-own')) coloured(e.target.value);
  if (!e.target.closest('.paint-closer')) return;
  squared ||= state();
  moveCrop(0, 0, largest() * (1 - e.target.value / 100));
}

function changes(e) {
  if (e.target.matches('.paint-file')) {
    const [file] = e.target.files;
    e.target.value = '';
    if (file) take(file);
  }
  if (!squared || !e.target.closest('.paint-closer')) return;
  carry(squared);
  remember(squared);
  squared = null;
  send();
}

const listeners = {
  pointerdown: (e) => { window.lastPainted = find('.paint'); down(e); }, pointermove: move, pointerup: up, pointercancel: up, click: pressed, keydown: keys, input: inputs, change: changes,
  dragover: (e) => { e.preventDefault(); find('.paint').classList.add('paint-over'); },
  dragleave: (e) => { if (!element.contains(e.relatedTarget)) find('.paint').classList.remove('paint-over'); },
  drop: dropped,
  'paint-feather': ({ detail }) => { if (Number.isInteger(detail) && detail >= 0 && detail <= 8) { feather = detail; ask(); } },
};
for (const [name, listener] of Object.entries(listeners)) element.addEventListener(name, listener);
element.addEventListener('wheel', wheel, { passive: false });
find('.paint-sheet').addEventListener('pointerleave', () => { pointer = null; ask(); });
document.addEventListener('paste', pasted);
new ResizeObserver(ask).observe(element);
furnish();
offerCamera();
sized(size);
coloured(colour);
choose('brush');
lay();
watch('value', load);
load();
