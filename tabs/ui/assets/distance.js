// A hybrid and its two readings: stepping back shrinks and blurs it, as distance does; colour fades; motion smears. All in the page.
const find = (s) => element.querySelector(s);
const value = () => props.value || {};
const image = new Image();
const WORDS = {
  distance: ['Step back', 'from there', 'the same, enlarged: what the eye has left'],
  colour: ['Take the colour away', '', 'with less colour'],
  motion: ['Set it in motion', '', 'in motion'],
};
let timer = null, way = 1, rest = 0;

// The picture, 64 x 64, with the share k of its colour taken away (the mean of the channels is left), or smeared along k of the path.
function draw(canvas, k) {
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  pen.globalAlpha = 1;
  pen.drawImage(image, 0, 0, 64, 64);
  if (value().mode === 'motion' && k > 0) {
    const angle = value().angle * Math.PI / 180, copies = 24;
    for (let i = 1; i < copies; i++) {
      const s = (i / (copies - 1) - 0.5) * value().length * k;
      pen.globalAlpha = 1 / (i + 1);
      pen.drawImage(image, s * Math.cos(angle), -s * Math.sin(angle), 64, 64);
    }
  }
  if (value().mode === 'colour' && k > 0) {
    const data = pen.getImageData(0, 0, 64, 64), p = data.data;
    for (let i = 0; i < p.length; i += 4) {
      const grey = (p[i] + p[i + 1] + p[i + 2]) / 3;
      for (let c = 0; c < 3; c++) p[i + c] += k * (grey - p[i + c]);
    }
    pen.putImageData(data, 0, 0);
  }
}

function show() {
  if (!value().image) return;
  const k = find('.far-range').value / 100, mode = value().mode;
  const [small, left] = [find('.far-small canvas'), find('.far-left canvas')];
  if (mode !== 'distance') {
    draw(left, k);
    left.style.filter = small.style.filter = '';
    find('.far-label').textContent = `${Math.round(100 * k)} %`;
    return;
  }
  const d = value().farthest ** k;  // times as far away
  const sigma = 0.5 * (d - 1);  // of what the eye no longer resolves, in pixels of the picture
  const pixel = find('.far-left .far-box').clientWidth / 64;
  small.style.transform = `scale(${1 / d})`;
  small.style.filter = `blur(${sigma * pixel}px)`;  // before it is scaled down
  left.style.filter = `blur(${sigma * pixel}px)`;
  find('.far-label').textContent = `${d.toFixed(1)} times as far`;
}

function stop() {
  clearInterval(timer);
  timer = null;
  find('.fv-play').innerHTML = '&#9654;';
}

function tick() {
  const range = find('.far-range');
  if (rest) { rest -= 1; return; }
  way = +range.value >= 100 ? -1 : +range.value <= 0 ? 1 : way;
  range.value = +range.value + 2 * way;
  show();
  if (range.value === '0' || range.value === '100') rest = 16;
}

function refresh() {
  const v = value();
  find('.far').classList.toggle('far-empty', !v.image);
  find('.far').classList.toggle('far-two', !!v.mode && v.mode !== 'distance');
  if (!v.image) return stop();
  const [name, small, left] = WORDS[v.mode];
  find('.far-name').textContent = name;
  find('.far-near figcaption').textContent = v.near;
  find('.far-small figcaption').textContent = `${small}: ${v.far}`;
  find('.far-left figcaption').textContent = v.mode === 'distance' ? left : `${left}: ${v.far}`;
  image.src = v.image;
}

image.onload = () => {
  element.querySelectorAll('canvas').forEach((canvas) => draw(canvas, 0));
  show();
};
element.addEventListener('input', (e) => { if (e.target.matches('.far-range')) { stop(); show(); } });
element.addEventListener('click', (e) => {
  if (!e.target.closest('.fv-play')) return;
  if (timer) return stop();
  find('.fv-play').innerHTML = '&#10073;&#10073;';
  timer = setInterval(tick, 50);
});
new ResizeObserver(show).observe(element);
watch('value', refresh);
refresh();
fetchExample(props, server, refresh);
