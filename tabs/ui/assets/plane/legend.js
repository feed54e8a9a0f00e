// The legend: each mark as the panels draw it, and its words.
const MARK = 22;  // a mark is so wide

function paintMarkOf(pen, name, unit) {
  const p = { pen, unit, side: Infinity, X: (x) => x, Y: (y) => y }, middle = [(MARK / 2) * unit, 7 * unit];
  const colour = { 'class A': ink.classes[0], 'class B': ink.classes[1] }[name] || ink.accent, grey = data.panels.some((q) => q.points?.classes);
  if (['points', 'class A', 'class B'].includes(name)) scatter(p, middle, 3 * unit, () => colour);
  if (name === 'truth') [[5, 9], [11, 5], [17, 9]].forEach(([x, y]) => scatter(p, [x * unit, y * unit], 2.2 * unit, () => ink.faint));
  if (name === 'density') {
    pen.fillStyle = `rgb(${(grey ? ink.mist : ink.cloud).join(' ')} / ${ink.dark ? 0.62 : 0.42})`;
    pen.fillRect(2 * unit, unit, 18 * unit, 12 * unit);
  }
  if (name === 'arrows') {
    const [shafts, heads] = [new Path2D(), new Path2D()];
    arrow(shafts, heads, 2 * unit, 7 * unit, 18 * unit, 0, 6 * unit);
    strokeArrows(p, shafts, heads, ink.arrow, 1.2 * unit);
  }
  if (name === 'paths') {
    line(pen, [[1 * unit, 12 * unit], [8 * unit, 9 * unit], [16 * unit, 5 * unit]], grey ? ink.soft : ink.accent, 0.9 * unit);
    paintHeads(p, { frames: 1, count: 1, at: new Float32Array([16 * unit, 5 * unit]), now: new Float32Array(2), shown: -1 }, 1, 0, 3 * unit, () => (grey ? ink.soft : ink.accent));
  }
}

// On the page: a small canvas before the words of each.
function legendBox() {
  const box = find('.plane-legend');
  while (box.children.length > data.legend.length) box.lastChild.remove();
  while (box.children.length < data.legend.length) {
    const entry = made('span', 'plane-entry'), mark = made('canvas', 'plane-mark');
    mark.setAttribute('aria-hidden', 'true');
    entry.append(mark, made('span', ''));
    box.append(entry);
  }
  data.legend.forEach(([, words], k) => put(box.children[k].lastChild, words));
}

function drawLegend() {
  data.legend.forEach(([name], k) => {
    const mark = find('.plane-legend').children[k].firstChild, ratio = fitted(mark);
    if (ratio) paintMarkOf(mark.getContext('2d'), name, mark.width / MARK);
  });
}

// On a saved picture: from left to right, in as many lines as it needs; the height of all lines. Without a pen it only measures.
function composeLegend(pen, paint, x, y, width, ratio) {
  let [left, top] = [x, y];
  pen.font = `400 ${12.5 * ratio}px ${ink.font}`;
  for (const [name, text] of data.legend) {
    const wide = (MARK + 6) * ratio + pen.measureText(text).width;
    if (left > x && left + wide > x + width) [left, top] = [x, top + 20 * ratio];
    if (paint) {
      pen.save();
      pen.translate(left, top);
      paintMarkOf(pen, name, ratio);
      pen.restore();
      words(pen, text, left + (MARK + 6) * ratio, top + 11 * ratio, ratio);
    }
    left += wide + 16 * ratio;
  }
  return data.legend.length ? top - y + 24 * ratio : 0;
}
