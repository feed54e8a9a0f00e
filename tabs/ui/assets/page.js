// For the whole page; loaded once, from this machine.

// A full queue refuses a run in words: the page keeps it and asks again by itself until there is room, or Stop is pressed.
// An upload says which page it is of: a page may send so much, see tabs/ui/uploads.py. Where the app has gone, Gradio says so in
// a corner and opens the page anew once it is back: what a run still promises is no longer true.
let full = '';
(() => {
  const send = window.fetch, name = Math.random().toString(36).slice(2);
  let stops = 0;
  document.addEventListener('click', (e) => { if (e.target.closest('.do-stop')) stops += 1; }, true);
  const waits = async (answer) => {
    const words = answer.status === 400 && (await answer.clone().json().catch(() => ({}))).detail;
    return /^\d+ runs are waiting/.test(words) ? `${words.split('. ')[0]}; yours asks again by itself` : '';
  };
  const tell = (words) => {
    full = words;
    document.dispatchEvent(new Event('full'));
  };
  const lost = setInterval(() => {
    const toasts = [...document.querySelectorAll('[data-testid="toast-body"]')];
    if (!toasts.some((toast) => toast.textContent.includes('Connection to the server was lost'))) return;
    clearInterval(lost);
    tell('the app does not answer; this is how far it got');
  }, 1000);
  const named = (url, options) => {
    const headers = new Headers(options?.headers);
    headers.set('x-page', name);
    return send(url, { ...options, headers });
  };
  window.fetch = async (...args) => {
    if (/\/gradio_api\/upload(\?|$)/.test(args[0]?.url || args[0])) return named(...args);
    if (!/\/queue\/join/.test(args[0]?.url || args[0])) return send(...args);
    const before = stops;
    for (let told = ''; ;) {
      const answer = await send(...args), words = await waits(answer);
      if (words || told) tell(told = words);
      if (words) await new Promise((go) => setTimeout(go, 4000 + 4000 * Math.random()));
      if (words && stops !== before) tell('');
      if (!words || stops !== before) return answer;
    }
  };
})();

// Tells how a run waits for its turn at the network, and "" once it goes on. Gradio writes a run's place among those that
// wait, and the seconds, into a line of its own beside a component, which the app hides: "queue: 2/3 | 1.4s".
function whileWaiting(element, tell) {
  const line = element.closest('.block').querySelector('[data-testid="status-tracker"]');
  let before = '';
  const read = () => {
    if (full && element.offsetParent) return full;
    const [, place, seconds] = line.textContent.match(/(?:queue: (\d+)\/\d+|processing)\s*\|\s*([\d.]+)/) || [];
    if (!(seconds >= 0.25)) return '';  // most runs start at once: nothing flickers
    if (!place) return 'starting';
    if (place !== '1') return `waiting: ${place} runs are before yours`;
    const two = element.closest('.block').classList.contains('two-at-once');
    return `waiting: ${two ? 'two networks are being trained, yours is next' : 'another run is using the network'}`;
  };
  const again = () => {
    const now = read();
    if (now !== before) tell(before = now);
  };
  new MutationObserver(again).observe(line, { childList: true, characterData: true, subtree: true });
  document.addEventListener('full', again);
}

// Some frames after a component was made Gradio gives it its first value once more, and late in a page that is not in front:
// what the component fetches by itself is shown after that.
const settled = () => new Promise((go) => {
  let frames = 5;
  const next = () => { if (frames--) requestAnimationFrame(next); else go(); };
  next();
});

// Lines of words that follow inputs, see tabs/ui/lines.py: by name, the newest values (none until one has changed), how often
// they were told, and how the line asks for its words once it is on the page. It asks one thing at a time.
const lines = {};
const lineOf = (name) => lines[name] ??= { values: null, told: 0 };
function tellLine(name, values) {
  const line = lineOf(name);
  if (values) line.values = values;
  line.told += 1;
  line.ask?.();
}
// The titles of buttons that come with a line, see `titled` in tabs/ui/lines.py; the buttons named before lose theirs.
function giveTitles(line, html) {
  const box = new DOMParser().parseFromString(html, 'text/html').querySelector('[data-titles]');
  const before = Object.fromEntries(Object.keys(line.titles || {}).map((id) => [id, '']));
  line.titles = { ...before, ...JSON.parse(box?.dataset.titles || '{}') };
  for (const [id, words] of Object.entries(line.titles)) document.getElementById(id)?.setAttribute('title', words);
}
async function showLine(name, props, server) {
  const line = lineOf(name);
  let asked = -1, under = false;
  await settled();
  line.ask = async () => {
    if (under) return;
    under = true;
    while (asked !== line.told) {
      asked = line.told;
      try { giveTitles(line, props.value = await server.told(line.values)); } catch { /* the server is away; Gradio says so */ }
    }
    under = false;
  };
  line.ask();
}

// HTML that the server makes when the page first shows it; the example of a figure can then be saved.
async function showFirst(props, server, trigger, figure) {
  if (props.value) return;
  const [html] = await Promise.all([server.first(), settled()]);
  if (props.value) return;
  props.value = html;
  if (!figure) return;
  filesOf(figure, trigger);
  if (!ownRuns.of(figure)) trigger('download');
}

// The files of an example that came late, after a run, are asked for again: then they are the run's.
function filesOf(figure, trigger) {
  document.getElementById(figure)?.addEventListener('late', () => trigger('download'));
}

// The last run of each figure in this window, the address it was made under, and whether a canvas has changed since.
const ownRuns = {
  all: () => { try { return JSON.parse(sessionStorage.getItem('runs')) || {}; } catch { return {}; } },
  of: (figure) => ownRuns.all()[figure]?.run,
  set: (figure, values) => {
    const all = ownRuns.all();
    all[figure] = { ...all[figure], ...values };
    try { sessionStorage.setItem('runs', JSON.stringify(all)); } catch { /* a page inside another's may not keep anything */ }
  },
  add: (figure, run) => ownRuns.set(figure.id, { run, address: location.search, redrawn: !!figure.redrawn }),
};
ownRuns.found = ownRuns.all();

// An input of a figure has changed. If a person did it, what the figure asked for no longer holds.
let touched = false;
for (const act of ['pointerdown', 'keydown', 'input']) document.addEventListener(act, () => { touched = true; }, true);
function changed(figure) {
  if (!figure) return;
  figure.dataset.stale = 'changed';
  if (touched) askFor(figure);
}

// What a figure asks for after a preset: to press this button, which is outlined; without one it asks for nothing.
function askFor(figure, button, words) {
  figure.asks?.removeAttribute('data-asked');
  figure.asks = button;
  button?.setAttribute('data-asked', '');
  if (button) figure.style.setProperty('--asks', `"${words}: press “${button.textContent.trim()}”"`);
  else figure.style.removeProperty('--asks');
  touched = false;
}

// A canvas that a figure depends on has changed. A reload brings the other inputs back as they were at the run.
function redraw(figure) {
  if (!figure) return;
  changed(figure);
  figure.redrawn = true;
  if (ownRuns.of(figure.id)) ownRuns.set(figure.id, { redrawn: true });
}

// A figure has come back with its inputs: it fits them, unless a canvas had changed. Canvases that restore themselves are no change.
function fits(figure) {
  const redrawn = !!ownRuns.found[figure.id]?.redrawn;
  if (redrawn) changed(figure);
  else delete figure.dataset.stale;
  figure.redrawn = redrawn;
  ownRuns.set(figure.id, { redrawn });
}

// Asks for the last run of a figure, if there is one, once what asks is on the page and still waits; returns whether it will.
function comeBack(figure, trigger, waits = () => true) {
  const own = !!ownRuns.of(figure);
  if (own) settled().then(() => { if (waits()) trigger('submit'); });
  return own;
}

// A preset has filled the inputs of a figure: the button that it names is pressed. If a run is under way, or that button's
// takes long, the figure asks for the press instead, until a person changes an input.
function pressNext(next, figure) {
  return settled().then(() => {
    const shown = document.querySelector(`#${figure}`), button = document.getElementById(next?.button);
    askFor(shown);
    if (!button) return;
    if (!next.takes && !shown.underWay?.size) button.click();
    else askFor(shown, button, next.takes ? `filled in; it takes ${next.takes} here` : 'filled in');
  });
}

// What a person sees first plays once, unless they asked for less motion.
function opening(play) {
  if (!matchMedia('(prefers-reduced-motion: reduce)').matches) play();
}

// A view asks for its example when it is made, so that the page itself stays small; a run that began meanwhile stays. After a
// reload it asks for its last run instead, which the server gives with its inputs, or the example if it has forgotten it.
function fetchExample(props, server, refresh, trigger) {
  const name = props.value?.example;
  if (name && trigger) filesOf(`${name}-view`, trigger);
  if (!name || (trigger && comeBack(`${name}-view`, trigger, () => props.value?.example === name))) return;
  Promise.all([server.fetched(name), settled()]).then(([value]) => {
    if (props.value?.example !== name) return;
    props.value = value;
    refresh();
    if (value.run) trigger?.('download');
  });
}

// Gradio writes the browser's language here; the page's words are English.
(() => {
  const page = document.documentElement, english = () => { if (page.lang !== 'en') page.lang = 'en'; };
  new MutationObserver(english).observe(page, { attributes: true, attributeFilter: ['lang'] });
  english();
})();

// What a browser keeps of a page from one visit to the next; a page inside another's may not keep anything.
const kept = {
  get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
  set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* as above */ } },
};

// Projector mode, turned over or, when the page opens, as it was left; returns what its button says.
function projectorMode(turn) {
  const page = document.querySelector('main.contain').firstElementChild;
  const on = turn ? !page.classList.contains('projector') : kept.get('projector-mode') === 'on';
  page.classList.toggle('projector', on);
  document.querySelector('#projector').setAttribute('aria-pressed', on);
  kept.set('projector-mode', on ? 'on' : 'off');
  return on ? 'Leave projector mode' : 'Projector mode';
}

// Dark or light, turned over or, when the page opens, as it was left, else as the system is; returns what its button says.
function darkMode(turn) {
  const body = document.body.classList;
  if (turn) kept.set('colours', body.contains('dark') ? 'light' : 'dark');
  if (kept.get('colours')) body.toggle('dark', kept.get('colours') === 'dark');
  return body.contains('dark') ? 'Light' : 'Dark';
}

// Writes a value into a field of Gradio's, as a person does.
function enter(field, value) {
  field.value = value;
  field.dispatchEvent(new Event('input', { bubbles: true }));
  field.dispatchEvent(new Event('change', { bubbles: true }));
}

// A dice gives the seed beside it another value.
document.addEventListener('click', (e) => {
  const field = e.target.closest('button.dice')?.closest('.row').querySelector('input[type="number"]');
  if (field) enter(field, Math.floor(Math.random() * 2 ** 31));
});

// Arrows move between the tabs of a row, Home and End to its first and last.
document.addEventListener('keydown', (e) => {
  const row = e.target.closest('[role="tab"]')?.closest('[role="tablist"]');
  if (!row || e.altKey || e.ctrlKey || e.metaKey || e.shiftKey) return;
  const tabs = [...row.querySelectorAll('[role="tab"]:not([disabled])')], k = tabs.indexOf(e.target);
  const to = { ArrowLeft: k - 1, ArrowRight: k + 1, Home: 0, End: -1 }[e.key];
  if (to === undefined) return;
  const tab = tabs.at(to % tabs.length);
  tab.click();
  tab.focus();
  e.preventDefault();
});

// On a phone Run stays in sight and the pictures may not be: a run brings them back.
document.addEventListener('click', (e) => {
  const row = e.target.closest('button.do-run')?.closest('.row:has(> .column .do-run)');
  if (row && matchMedia('(max-width: 860px)').matches)
    row.lastElementChild.firstElementChild.scrollIntoView({ behavior: 'smooth', block: 'nearest' });
});

// The keyboard: Ctrl+Enter runs, Esc stops, arrows scrub, space plays.
(() => {
  const visible = (selector) => [...document.querySelectorAll(selector)].find((e) => e.offsetParent !== null);
  const typing = (e) => e.target.closest('input, textarea, select, [contenteditable="true"], [role="tab"], [role="radio"], canvas');
  document.addEventListener('keydown', (e) => {
    if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) { visible('button.do-run')?.click(); e.preventDefault(); }
    if (e.key === 'Escape') visible('button.do-stop')?.click();
    if (typing(e) || e.altKey || e.ctrlKey || e.metaKey || e.shiftKey) return;
    const live = '.fv:not(.fv-still):not(.fv-empty)';
    const viewer = e.target.closest(live) || visible(live);
    const send = (name, detail) => { viewer?.dispatchEvent(new CustomEvent(name, { bubbles: true, detail })); if (viewer) e.preventDefault(); };
    if (e.key === 'ArrowLeft') send('fv-move', -1);
    if (e.key === 'ArrowRight') send('fv-move', 1);
    if (e.key === ' ' && !e.target.closest('button')) send('fv-play');  // space presses a button
  });
})();
