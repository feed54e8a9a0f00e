// ---- what stands on the page ----

const MANY = 20;  // with more words the maps are small

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
  if (value().weights && value().sliders[chosen] && word.weighs) box.append(slider(name(words, i)));
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
  find('.wv-head').title = n < 2 && find('.wv-layer').value ? 'every head is kept of one picture, where there is room for it' : '';
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
    find('.wv-maps').classList.toggle('wv-many', (words[chosen] || []).length > MANY);
    find('.wv-maps').replaceChildren(...(words[chosen] || []).map((word, i) => tile(words[chosen], i, word.read ? j++ : -1)));
  }
  [...box.children].forEach((figure, k) => figure.classList.toggle('wv-chosen', pictures.length > 1 && k === chosen));
  if (frames().length) options(find('.wv-layer'), [['', 'average of all'], ...frames().at(-1).maps.layers.filter((l) => l.name).map((l) => [l.name, l.name])]);
  heads();
}

function show(k) {
  if (!went(k)) return;
  heads();
  ask();
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
  if (value().run !== run) {
    chosen = 0;
    lit = pinned = null;
    loaded = new Map();
    single = new Map();
  }
  const last = frames().length - 1;
  at = told() ? Math.min(at, last) : Math.max(0, last);
  layout();
  show(at);
}

const wordAt = (e) => e.target.closest?.('.wv-face')?.closest('.wv-map');
element.addEventListener('pointerover', (e) => light(wordAt(e) ? +wordAt(e).dataset.word : pinned));
element.addEventListener('pointerenter', follow);
element.addEventListener('pointerleave', () => light(pinned));
element.addEventListener('focusin', (e) => { if (wordAt(e)) light(+wordAt(e).dataset.word); });
element.addEventListener('focusout', () => light(pinned));
element.addEventListener('input', (e) => { if (e.target.matches('.wv-weigh input')) weigh(e.target); });
element.addEventListener('change', (e) => {
  if (!e.target.matches('.wv-choices select')) return;
  heads();
  ask();
});
element.addEventListener('click', (e) => {
  const word = wordAt(e), figure = e.target.closest('.wv-several .wv-picture');
  if (word) light((pinned = pinned === +word.dataset.word ? null : +word.dataset.word));
  if (figure) choose(+figure.dataset.picture);
});
listen();
