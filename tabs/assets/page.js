// Keyboard for the whole page: Ctrl+Enter runs, Esc stops, arrows scrub, space plays. Loaded once, from this machine.
(() => {
  const visible = (selector) => [...document.querySelectorAll(selector)].find((e) => e.offsetParent !== null);
  const typing = (e) => e.target.closest('input, textarea, select, [contenteditable="true"], [role="tab"], [role="radio"], button, canvas');
  document.addEventListener('keydown', (e) => {
    if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) { visible('button.do-run')?.click(); e.preventDefault(); }
    if (e.key === 'Escape') visible('button.do-stop')?.click();
    if (typing(e)) return;
    const viewer = visible('.fv:not(.fv-still):not(.fv-empty)');
    const send = (name, detail) => { viewer?.dispatchEvent(new CustomEvent(name, { bubbles: true, detail })); if (viewer) e.preventDefault(); };
    if (e.key === 'ArrowLeft') send('fv-move', -1);
    if (e.key === 'ArrowRight') send('fv-move', 1);
    if (e.key === ' ') send('fv-play');
  });
})();
