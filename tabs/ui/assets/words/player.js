// What the views of this tab share: they hold every frame that they were given, and scrub and play them without the server.
const find = (s) => element.querySelector(s);
const value = () => props.value || {};
const frames = () => value().frames || [];
let at = 0, timer = null, run = null;

function tag(name, className, text = '') {
  return Object.assign(document.createElement(name), { className, textContent: text });
}

function bytes(text) {
  const letters = atob(text), raw = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) raw[i] = letters.charCodeAt(i);
  return raw;
}

// Goes to frame k; whether there is one.
function went(k) {
  const all = frames();
  if (!all.length) return false;
  at = Math.max(0, Math.min(k, all.length - 1));
  find('.fv-range').value = at;
  find('.fv-label').textContent = all[at].label || '';
  return true;
}

function stop() {
  clearInterval(timer);
  timer = null;
  find('.fv-play').innerHTML = '&#9654;';
}

function play(each = PACE) {
  if (timer) return stop();
  if (at >= frames().length - 1) show(0);
  find('.fv-play').innerHTML = '&#10073;&#10073;';
  timer = setInterval(() => (at >= frames().length - 1 ? stop() : show(at + 1)), each);
}

// The line above and the words below a new value; whether it is the end of the run that is shown, which comes once more
// when it is kept.
function told() {
  const v = value(), root = find('.fv'), all = frames(), again = v.run === run && !root.matches('.fv-running, .fv-empty');
  stop();
  if (v.run !== run) delete element.closest('.block')?.dataset.stale;
  run = v.run;
  root.classList.toggle('fv-empty', !all.length);
  root.classList.toggle('fv-running', !!v.running);
  root.classList.toggle('fv-still', all.length < 2);
  find('.fv-text').textContent = v.status || '';
  find('.fv-track i').style.width = `${100 * (v.fraction || 0)}%`;
  find('.fv-range').max = Math.max(0, all.length - 1);
  find('.fv-caption').textContent = v.caption || '';
  return again;
}

function listen() {
  element.addEventListener('input', (e) => { if (e.target.matches('.fv-range')) { stop(); show(+e.target.value); } });
  element.addEventListener('click', (e) => { if (e.target.closest('.fv-play')) play(); });
  element.addEventListener('fv-move', (e) => { stop(); show(at + e.detail); });
  element.addEventListener('fv-play', () => play());
  whileWaiting(element, (words) => { find('.fv-text').textContent = words || value().status || ''; });
  watch('value', refresh);
  refresh();
  fetchExample(props, server, () => { refresh(); opening(() => play(500)); }, trigger);
}
