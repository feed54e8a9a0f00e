// The live preview and the scrubber: holds every frame it was given, plays and scrubs them without the server.
const find = (s) => element.querySelector(s);
const value = () => props.value || {};
const frames = () => value().frames || [];
let at = 0, timer = null;

function lane(title, index) {
  const figure = document.createElement('figure');
  const image = document.createElement('img');
  image.alt = title;
  image.dataset.lane = index;
  const caption = document.createElement('figcaption');
  caption.textContent = title;
  figure.append(image, caption);
  return figure;
}

function layout() {
  const lanes = value().lanes || [];
  const box = find('.fv-lanes');
  if (box.dataset.titles !== lanes.join('|')) {
    box.dataset.titles = lanes.join('|');
    box.replaceChildren(...lanes.map(lane));
  }
  box.style.setProperty('--columns', value().columns || 1);
}

function show(k) {
  const all = frames();
  if (!all.length) return;
  at = Math.max(0, Math.min(k, all.length - 1));
  find('.fv-lanes').querySelectorAll('img').forEach((image, i) => { image.src = all[at].images[i]; });
  find('.fv-range').value = at;
  find('.fv-label').textContent = all[at].label || '';
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
  timer = setInterval(() => { if (at >= frames().length - 1) stop(); else show(at + 1); }, 80);
}

function refresh() {
  const v = value();
  stop();
  layout();
  const root = find('.fv');
  root.classList.toggle('fv-empty', !frames().length);
  root.classList.toggle('fv-running', !!v.running);
  root.classList.toggle('fv-still', frames().length < 2);
  find('.fv-text').textContent = v.status || '';
  find('.fv-track i').style.width = `${100 * (v.fraction || 0)}%`;
  find('.fv-range').max = Math.max(0, frames().length - 1);
  find('.fv-caption').textContent = v.caption || '';
  show(frames().length - 1);
}

element.addEventListener('input', (e) => { if (e.target.matches('.fv-range')) { stop(); show(+e.target.value); } });
element.addEventListener('change', (e) => {
  if (e.target.matches('.fv-smooth input')) find('.fv').classList.toggle('fv-soft', e.target.checked);
});
element.addEventListener('click', (e) => { if (e.target.closest('.fv-play')) play(); });
element.addEventListener('fv-move', (e) => { stop(); show(at + e.detail); });
element.addEventListener('fv-play', play);
watch('value', refresh);
refresh();
