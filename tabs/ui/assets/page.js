// For the whole page; loaded once, from this machine.

// A full queue refuses a run in words: the page keeps it and asks again by itself until there is room, or Stop is pressed.
let full = '';
(() => {
  const send = window.fetch;
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
  window.fetch = async (...args) => {
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

// Lines of words that follow inputs, see tabs/ui/lines.py: by name, the newest values, and how the line asks for its words
// once it is on the page. It asks one thing at a time.
const lines = {};
function tellLine(name, values) {
  const line = lines[name] ??= {};
  line.values = values;
  line.ask?.();
}
async function showLine(name, props, server) {
  const line = lines[name] ??= {};
  let asked, under = false;
  await settled();
  line.ask = async () => {
    if (under) return;
    under = true;
    while (asked !== line.values) {
      asked = line.values;
      try { props.value = await server.told(asked); } catch { /* the server is away; Gradio says so */ }
    }
    under = false;
  };
  line.ask();
}

// HTML that the server makes when the page first shows it.
async function showFirst(props, server) {
  if (props.value) return;
  const [html] = await Promise.all([server.first(), settled()]);
  if (!props.value) props.value = html;
}

// The last run of each figure in this window, and the address it was made under.
const ownRuns = {
  all: () => { try { return JSON.parse(sessionStorage.getItem('runs')) || {}; } catch { return {}; } },
  of: (figure) => ownRuns.all()[figure]?.run,
  add: (figure, run) => {
    const all = { ...ownRuns.all(), [figure]: { run, address: location.search } };
    try { sessionStorage.setItem('runs', JSON.stringify(all)); } catch { /* a page inside another's may not keep anything */ }
  },
};

// Asks for the last run of a figure, if there is one, once what asks is on the page and still waits; returns whether it will.
function comeBack(figure, trigger, waits = () => true) {
  const own = !!ownRuns.of(figure);
  if (own) settled().then(() => { if (waits()) trigger('submit'); });
  return own;
}

// A view asks for its example when it is made, so that the page itself stays small; a run that began meanwhile stays. After a
// reload it asks for its last run instead, which the server gives with its inputs, or the example if it has forgotten it.
function fetchExample(props, server, refresh, trigger) {
  const name = props.value?.example;
  if (!name || (trigger && comeBack(`${name}-view`, trigger, () => props.value?.example === name))) return;
  Promise.all([server.fetched(name), settled()]).then(([value]) => {
    if (props.value?.example !== name) return;
    props.value = value;
    refresh();
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

// The address names the open tab, and the preset that was pressed last in it: it can be shared and bookmarked, a reload
// comes back to it, and Back goes to the tab before.
(() => {
  const tabs = () => [...document.querySelectorAll('#tabs > .tab-wrapper [role="tab"]')];
  const opened = () => tabs().find((tab) => tab.getAttribute('aria-selected') === 'true')?.dataset.tabId;
  const asked = () => new URLSearchParams(location.search);
  const presets = () => [...document.querySelectorAll('.named button')].filter((button) => button.offsetParent !== null);

  function tell(changes, move) {
    const query = asked();
    for (const [key, value] of Object.entries(changes)) value ? query.set(key, value) : query.delete(key);
    if (`${query}` !== `${asked()}`) history[move](null, '', `?${query}${location.hash}`);
  }

  function go(name) {
    const tab = tabs().find((one) => one.dataset.tabId === name);
    if (tab && name !== opened()) tab.click();
  }

  function press(name, tries = 40) {  // the buttons of a tab stand a moment after it was opened
    const button = presets().find((one) => one.textContent.trim() === name);
    if (button) button.click();
    else if (tries) setTimeout(press, 100, name, tries - 1);
  }

  function begin() {
    const box = document.querySelector('#tabs > .tab-wrapper');
    if (!box) return setTimeout(begin, 100);
    const first = opened(), query = asked();
    go(query.get('tab'));
    const again = Object.values(ownRuns.all()).some((run) => run.address === location.search);  // its run comes back by itself
    if (query.get('preset') && !again) press(query.get('preset'));
    new MutationObserver(() => {
      const now = opened();
      if (now && now !== (asked().get('tab') || first)) tell({ tab: now, preset: null }, 'pushState');
    }).observe(box, { attributes: true, attributeFilter: ['aria-selected'], subtree: true });
    addEventListener('popstate', () => go(asked().get('tab') || first));
    document.addEventListener('click', (e) => {
      const button = e.target.closest('.named button');
      if (button) tell({ tab: opened(), preset: button.textContent.trim() }, 'replaceState');
    });
  }
  begin();
})();
