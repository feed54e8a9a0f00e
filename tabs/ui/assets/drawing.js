// A sheet to draw data points on. A point is [x, y, class]; x and y are thousandths, as they travel.
const find = (s) => element.querySelector(s);
const [MOST, SIDE, UNDOS] = [10000, 3000, 60];
const [SPRAY, RUBBER] = [110, 260];  // how wide the brush sprays (its standard deviation), and the eraser's radius
const COLOURS = [['#0072B2', '#D55E00'], ['#4BA6E3', '#F28E42']];  // on light, on dark
let points = [], past = [], tool = '0', last = null, changed = false, pointer = null, sent = '', asked = 0;

function unpacked(text) {
  const letters = atob(text || ''), raw = new Uint8Array(letters.length);
  for (let i = 0; i < raw.length; i++) raw[i] = letters.charCodeAt(i);
  const whole = new Int16Array(raw.buffer, 0, Math.floor(raw.length / 6) * 3);
  return Array.from({ length: whole.length / 3 }, (_, i) => [...whole.subarray(3 * i, 3 * i + 3)]);
}

function packed() {
  const raw = new Uint8Array(Int16Array.from(points.flat()).buffer);
  let letters = '';
  for (let i = 0; i < raw.length; i += 8192) letters += String.fromCharCode(...raw.subarray(i, i + 8192));
  return btoa(letters);
}

const dark = () => {
  const probe = getComputedStyle(document.body).color.match(/[\d.]+/g) || [0];
  return +probe[0] > 140;  // light words stand on a dark page
};

function frame(pen, side) {
  pen.strokeStyle = getComputedStyle(element).getPropertyValue('--hair') || '#8886';
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(0, side / 2);
  pen.lineTo(side, side / 2);
  pen.moveTo(side / 2, 0);
  pen.lineTo(side / 2, side);
  pen.stroke();
}

function draw() {
  asked = 0;
  const sheet = find('.draw-sheet'), ratio = Math.min(window.devicePixelRatio || 1, 2.5), side = Math.round(sheet.clientWidth * ratio);
  if (!side) return;
  if (sheet.width !== side) sheet.width = sheet.height = side;
  const pen = sheet.getContext('2d'), at = (v) => (side * (v + SIDE)) / (2 * SIDE);
  pen.clearRect(0, 0, side, side);
  frame(pen, side);
  const radius = ratio * (element.closest('.projector') ? 3.6 : 2.2);
  COLOURS[+dark()].forEach((colour, k) => {
    pen.fillStyle = colour;
    for (const [x, y, c] of points) if (c === k) dot(pen, at(x), at(-y), radius);
  });
  if (tool === 'erase' && pointer) ring(pen, at(pointer[0]), at(-pointer[1]), (RUBBER * side) / (2 * SIDE), ratio);
  const full = points.length >= MOST ? ': the sheet is full' : points.length ? '' : ': draw here';
  find('.draw-count').textContent = `${points.length.toLocaleString('en')} point${points.length === 1 ? '' : 's'}${full}`;
}

// A round point; a square where there are too many to draw round ones in time.
function dot(pen, x, y, radius) {
  if (points.length > 3000) return pen.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
  pen.beginPath();
  pen.arc(x, y, radius, 0, 7);
  pen.fill();
}

function ring(pen, x, y, radius, ratio) {
  pen.strokeStyle = getComputedStyle(document.body).color;
  pen.lineWidth = 1.2 * ratio;
  pen.beginPath();
  pen.arc(x, y, radius, 0, 7);
  pen.stroke();
}

function ask() {
  asked ||= requestAnimationFrame(draw);
}

// The pointer's place in thousandths.
function placeOf(e) {
  const box = find('.draw-sheet').getBoundingClientRect(), f = (2 * SIDE) / box.width;
  return [(e.clientX - box.left) * f - SIDE, SIDE - (e.clientY - box.top) * f];
}

function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

// Points around the way from one place to the next; what falls off the sheet is lost.
function spray([ax, ay], [bx, by], many) {
  for (let i = 0; i < many && points.length < MOST; i++) {
    const s = Math.random(), [x, y] = [ax + s * (bx - ax) + SPRAY * normal(), ay + s * (by - ay) + SPRAY * normal()].map(Math.round);
    if (Math.abs(x) > SIDE || Math.abs(y) > SIDE) continue;
    points.push([x, y, +tool]);
    changed = true;
  }
}

function erase([x, y]) {
  const kept = points.filter(([px, py]) => (px - x) ** 2 + (py - y) ** 2 > RUBBER ** 2);
  changed ||= kept.length < points.length;
  points = kept;
}

// Along a way of that length; a part of a point is one by chance.
function along(from, to) {
  if (tool === 'erase') {
    const steps = Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / (RUBBER / 2)) || 1;
    for (let i = 1; i <= steps; i++) erase([0, 1].map((k) => from[k] + (i / steps) * (to[k] - from[k])));
  } else {
    const many = (Math.hypot(to[0] - from[0], to[1] - from[1]) / 1000) * 12 * +find('.draw-many input').value;
    spray(from, to, Math.floor(many + Math.random()));
  }
}

function remember(before) {
  past.push(before);
  past = past.slice(-UNDOS);
}

// Gives the server what stands on the sheet; Gradio then triggers `change` itself.
function send() {
  sent = packed();
  props.value = { data: sent };
  trigger('input');
  ask();
}

function undo() {
  if (!past.length || last) return;
  points = past.pop();
  send();
}

function clear() {
  if (!points.length) return;
  remember(points);
  points = [];
  send();
}

function choose(button) {
  tool = button.dataset.tool;
  element.querySelectorAll('[data-tool]').forEach((b) => {
    b.setAttribute('aria-checked', b === button);
    b.tabIndex = b === button ? 0 : -1;
  });
  ask();
}

function down(e) {
  if (!e.target.matches('.draw-sheet') || e.button || last) return;
  e.target.setPointerCapture(e.pointerId);
  last = { id: e.pointerId, place: placeOf(e), before: [...points] };
  changed = false;
  if (tool === 'erase') erase(last.place);
  else spray(last.place, last.place, Math.ceil(+find('.draw-many input').value / 2));
  ask();
}

function move(e) {
  if (!e.target.matches?.('.draw-sheet')) return;
  pointer = placeOf(e);
  if (last?.id === e.pointerId) {
    for (const step of e.getCoalescedEvents?.() || [e]) {
      const place = placeOf(step);
      along(last.place, place);
      last.place = place;
    }
  }
  if (last || tool === 'erase') ask();
}

function up(e) {
  if (last?.id !== e.pointerId) return;
  if (changed) remember(last.before);
  last = null;
  if (changed) send();
}

function keys(e) {
  if ((e.ctrlKey || e.metaKey) && !e.shiftKey && e.key.toLowerCase() === 'z') { undo(); e.preventDefault(); }
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key], tools = [...element.querySelectorAll('[data-tool]')];
  if (!step || !e.target.matches('[data-tool]')) return;
  const next = tools[(tools.indexOf(e.target) + step + tools.length) % tools.length];
  choose(next);
  next.focus();
  e.preventDefault();
}

// A value that the server gave: undo leads back to what stood before.
function load() {
  const text = props.value?.data || '';
  if (text === sent) return;
  if (points.length) remember(points);
  sent = text;
  points = unpacked(text);
  ask();
}

element.addEventListener('pointerdown', down);
element.addEventListener('pointermove', move);
element.addEventListener('pointerup', up);
element.addEventListener('pointercancel', up);
element.addEventListener('pointerleave', () => { pointer = null; ask(); });
element.addEventListener('keydown', keys);
element.addEventListener('click', (e) => {
  const button = e.target.closest('button');
  if (button?.dataset.tool) choose(button);
  if (button?.matches('.draw-undo')) undo();
  if (button?.matches('.draw-clear')) clear();
});
new ResizeObserver(ask).observe(element);
for (const node of [document.documentElement, document.body, document.querySelector('main.contain')?.firstElementChild]) {
  if (node) new MutationObserver(ask).observe(node, { attributes: true, attributeFilter: ['class'] });
}
watch('value', load);
choose(find('[data-tool="0"]'));
load();
