// The tools: brush, eraser, fill, crop; the pointer and the view.
const SIZES = props.sizes, MOST_ZOOM = 8, LIKE = 40;  // how different a colour is, of 255, that a fill still takes
let tool = 'brush', marker = 'brush', size = props.size, colour = props.colours[0];
let stroke = null, pointer = null, fingers = new Map();

// ---- drawing the canvas ----

function draw() {
  asked = 0;
  const sheet = find('.paint-sheet'), ratio = Math.min(window.devicePixelRatio || 1, 2.5), wide = Math.round(sheet.clientWidth * ratio);
  if (!wide) return;
  if (sheet.width !== wide) sheet.width = sheet.height = wide;
  const pen = penOf(sheet), soft = KIND === 'mask' && used(mask, feather);
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, wide, wide);
  if (tool === 'crop') drawCrop(pen, wide, ratio, soft);
  else drawSquare(pen, wide, ratio, soft);
  if (KIND === 'mask') preview(soft);
  find('[data-do=undo]').disabled = !past.length;
  find('[data-do=redo]').disabled = !future.length;
  find('[data-tool=crop]').disabled = !source;
  find('.paint-zoom').textContent = `${Math.round(100 * view.zoom)} %`;
}

const ask = () => { asked ||= requestAnimationFrame(draw); };

function drawSquare(pen, wide, ratio, soft) {
  const scale = (wide * view.zoom) / SIDE;
  pen.setTransform(scale, 0, 0, scale, -view.x * scale, -view.y * scale);
  pen.imageSmoothingEnabled = !source || crop.side > 2 * GRID;  // a small picture's pixels are seen as squares
  pen.drawImage(base, 0, 0);
  drawOver(pen, soft, 0, 0, SIDE);
  if (pointer && tool !== 'fill') ring(pen, scale / ratio);
}

// What is drawn over the picture: the ink and the mask, whose cells are seen as squares.
function drawOver(pen, soft, x, y, side) {
  pen.imageSmoothingEnabled = true;
  pen.drawImage(ink, x, y, side, side);
  pen.imageSmoothingEnabled = false;
  if (soft) pen.drawImage(cellsOn(blank(GRID), (k) => [...INK, 0.7 * soft[k]]), x, y, side, side);
}

// Where the brush is, dark and light, so that it is seen on everything.
function ring(pen, scale) {
  for (const [style, width] of [['#fff', 3], ['#111', 1]]) {
    pen.strokeStyle = style;
    pen.lineWidth = width / scale;
    pen.beginPath();
    pen.arc(pointer.x, pointer.y, (size * UNIT) / 2, 0, 7);
    pen.stroke();
  }
}

// The whole picture, the square in it.
function frame(wide) {
  const scale = wide / Math.max(source.width, source.height);
  return { scale, left: (wide - source.width * scale) / 2, top: (wide - source.height * scale) / 2 };
}

function drawCrop(pen, wide, ratio, soft) {
  const { scale, left, top } = frame(wide), placed = (c) => [left + c.x * scale, top + c.y * scale, c.side * scale];
  const [x, y, side] = placed(crop);
  pen.imageSmoothingEnabled = scale < 1 || source.width > 2 * GRID;
  pen.drawImage(source, left, top, source.width * scale, source.height * scale);
  pen.fillStyle = DIM;
  pen.beginPath();
  pen.rect(left, top, source.width * scale, source.height * scale);
  pen.rect(x, y, side, side);
  pen.fill('evenodd');
  drawOver(pen, soft, ...placed((stroke?.before || squared)?.crop || crop));  // it stays where it was made
  for (const [style, width] of [['#fff', 4], ['#4f46e5', 2]]) {
    pen.strokeStyle = style;
    pen.lineWidth = width * ratio;
    pen.strokeRect(x + 2 * ratio, y + 2 * ratio, side - 4 * ratio, side - 4 * ratio);
  }
}

// ---- what the tools do ----

// Along the way from one place to the next.
function along(from, to) {
  if (KIND === 'mask') return alongCells(from, to, tool === 'brush');
  const pen = penOf(ink), erases = tool === 'eraser';
  pen.globalCompositeOperation = erases && KIND === 'picture' ? 'destination-out' : 'source-over';
  pen.strokeStyle = erases ? '#fff' : colour;  // a digit is on its paper: its eraser is white
  pen.lineWidth = size * UNIT;
  pen.lineCap = pen.lineJoin = 'round';
  pen.beginPath();
  pen.moveTo(from.x, from.y);
  pen.lineTo(to.x + 0.01, to.y);
  pen.stroke();
  pen.globalCompositeOperation = 'source-over';
}

function alongCells(from, to, set) {
  const steps = Math.ceil((2 * Math.hypot(to.x - from.x, to.y - from.y)) / UNIT) || 1;
  mask = mask.slice();
  for (let i = 0; i <= steps; i++) {
    const [x, y] = [from.x + (i / steps) * (to.x - from.x), from.y + (i / steps) * (to.y - from.y)].map((v) => v / UNIT);
    for (let v = Math.max(0, Math.floor(y - size)); v < Math.min(GRID, y + size); v++)
      for (let u = Math.max(0, Math.floor(x - size)); u < Math.min(GRID, x + size); u++)
        if ((u + 0.5 - x) ** 2 + (v + 0.5 - y) ** 2 <= (size / 2) ** 2) mask[v * GRID + u] = +set;
    if (x >= 0 && y >= 0 && x < GRID && y < GRID) mask[Math.floor(y) * GRID + Math.floor(x)] = +set;
  }
}

// The area around a place that has nearly its colour.
function fill({ x, y }) {
  const seen = pixelsOf(compose()), done = new Uint8Array(SIDE * SIDE), open = [Math.floor(y) * SIDE + Math.floor(x)];
  const [start, pen] = [4 * open[0], penOf(ink)];
  const like = (k) => [0, 1, 2].every((c) => Math.abs(seen[4 * k + c] - seen[start + c]) <= LIKE);
  pen.fillStyle = colour;
  while (open.length) {
    const k = open.pop();
    if (done[k] || !like(k)) continue;
    done[k] = 1;
    const u = k % SIDE;
    pen.fillRect(u, Math.floor(k / SIDE), 1, 1);
    if (u) open.push(k - 1);
    if (u < SIDE - 1) open.push(k + 1);
    if (k >= SIDE) open.push(k - SIDE);
    if (k < SIDE * (SIDE - 1)) open.push(k + SIDE);
  }
}

const within = (v, low, high) => Math.min(Math.max(v, low), high);

function moveCrop(dx, dy, side = crop.side) {
  side = Math.round(within(side, Math.min(GRID, source.width, source.height), Math.min(source.width, source.height)));
  const grow = (crop.side - side) / 2;
  const [x, y] = [crop.x + dx + grow, crop.y + dy + grow].map(Math.round);
  crop = { x: within(x, 0, source.width - side), y: within(y, 0, source.height - side), side };
  lay();
  ask();
}

function clear() {
  change(() => {
    if (KIND === 'mask') return (mask = new Uint8Array(GRID * GRID));
    empty();
  });
  if (tool === 'crop' && !source) choose(marker);
}

const masked = (how) => change(() => { mask = how(mask); });

function choose(name) {
  if (name === 'crop' && !source) return;
  tool = name;
  if (name !== 'crop') marker = name;
  chosen('[data-tool]', (button) => button.dataset.tool === name);
  find('.paint-sizes').hidden = name === 'crop';
  find('.paint-closer').hidden = name !== 'crop';
  find('.paint-sheet').style.cursor = name === 'crop' ? 'move' : 'crosshair';
  if (name === 'crop') find('.paint-closer input').value = closeness();
  hint();
  ask();
}

function chosen(selector, is) {
  for (const button of all(selector)) {
    button.setAttribute('aria-checked', is(button));
    button.tabIndex = is(button) ? 0 : -1;
  }
}

// How close the square is, 0 .. 100: 0 is the largest.
const largest = () => Math.min(source.width, source.height);
const closeness = () => Math.round(100 * (1 - crop.side / largest()));

// ---- the pointer ----

function placeOf(e) {
  const box = find('.paint-sheet').getBoundingClientRect(), f = SIDE / view.zoom / box.width;
  return { x: view.x + (e.clientX - box.left) * f, y: view.y + (e.clientY - box.top) * f, px: e.clientX, py: e.clientY };
}

function down(e) {
  if (e.target !== find('.paint-sheet')) return;
  if (e.pointerType === 'touch') fingers.set(e.pointerId, placeOf(e));
  if (fingers.size === 2 && stroke) { back(stroke.before); stroke = null; return ask(); }
  if (stroke || e.button || fingers.size > 1) return;
  e.target.setPointerCapture(e.pointerId);
  stroke = { id: e.pointerId, before: state(), at: placeOf(e) };
  if (tool === 'fill') fill(stroke.at);
  else if (tool !== 'crop') along(stroke.at, stroke.at);
  ask();
}

function move(e) {
  if (e.target !== find('.paint-sheet')) return;
  const now = placeOf(e);
  if (fingers.has(e.pointerId) && fingers.size === 2) return pinch(e.pointerId, now);
  pointer = e.pointerType === 'touch' ? null : now;
  if (stroke?.id === e.pointerId) {
    if (tool === 'crop') drag(now);
    else if (tool !== 'fill') for (const step of e.getCoalescedEvents?.() || [e]) {
      const next = placeOf(step);
      along(stroke.at, next);
      stroke.at = next;
    }
  }
  ask();
}

function drag(now) {
  const { scale } = frame(find('.paint-sheet').clientWidth), { at, before } = stroke;
  crop = { ...before.crop };
  moveCrop((now.px - at.px) / scale, (now.py - at.py) / scale);
}

function up(e) {
  fingers.delete(e.pointerId);
  if (stroke?.id !== e.pointerId) return;
  const { before } = stroke, still = tool === 'crop' && crop.x === before.crop.x && crop.y === before.crop.y;
  stroke = null;
  if (e.type === 'pointercancel') back(before);
  else if (!still) {
    if (tool === 'crop') carry(before);
    remember(before);
    send();
  }
  ask();
}

// ---- the view ----

function look(zoom, x = view.x, y = view.y) {
  zoom = within(zoom, 1, MOST_ZOOM);
  const most = SIDE - SIDE / zoom;
  view = { zoom, x: within(x, 0, most), y: within(y, 0, most) };
  ask();
}

// Closer by that factor, around a place, which stays where it is.
function closer(by, { x, y } = { x: view.x + SIDE / view.zoom / 2, y: view.y + SIDE / view.zoom / 2 }) {
  const zoom = within(view.zoom * by, 1, MOST_ZOOM), f = view.zoom / zoom;
  look(zoom, x - (x - view.x) * f, y - (y - view.y) * f);
}

function pinch(id, now) {
  const [other] = [...fingers].filter(([key]) => key !== id).map(([, place]) => place), before = fingers.get(id);
  const apart = (a) => Math.hypot(a.px - other.px, a.py - other.py), f = SIDE / view.zoom / find('.paint-sheet').clientWidth;
  fingers.set(id, now);
  look(view.zoom, view.x - ((now.px - before.px) * f) / 2, view.y - ((now.py - before.py) * f) / 2);
  closer(apart(now) / (apart(before) || 1), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
}

function wheel(e) {
  if (e.target !== find('.paint-sheet') || tool === 'crop') return;
  if (e.ctrlKey || e.metaKey) closer(Math.exp(-e.deltaY / 300), placeOf(e));
  else if (view.zoom > 1) look(view.zoom, view.x + e.deltaX / view.zoom, view.y + e.deltaY / view.zoom);
  else return;
  e.preventDefault();
}
