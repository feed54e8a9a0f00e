// For the whole page, after page.js.

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
