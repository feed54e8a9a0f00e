// The plane's value as typed arrays, decoded once; every number in data units.
const find = (s) => element.querySelector(s);
const all = (s) => [...element.querySelectorAll(s)];

function bytes(text) {
  const letters = atob(text || ''), out = new Uint8Array(letters.length);
  for (let i = 0; i < out.length; i++) out[i] = letters.charCodeAt(i);
  return out;
}

// (F, N, 2) packed as int16; `now` is the frame drawn last, (N, 2).
function track(packed) {
  const whole = new Int16Array(bytes(packed.data).buffer), [frames, count] = packed.shape;
  const at = new Float32Array(whole.length);
  for (let i = 0; i < at.length; i++) at[i] = whole[i] * packed.scale;
  return { frames, count, at, now: new Float32Array(2 * count), shown: -1 };
}

// The two frames around a time and the share of the second; what has one frame only stays.
function between(frames, time) {
  const t = Math.max(0, Math.min(time, frames - 1)), k = Math.floor(t);
  return [k, Math.min(k + 1, frames - 1), t - k];
}

// Where all are at a time, (N, 2): on the straight line between two frames.
function where(track, time) {
  const [a, b, share] = between(track.frames, time), size = 2 * track.count, { at, now } = track;
  if (track.shown === a + share) return now;
  track.shown = a + share;
  for (let i = 0; i < size; i++) now[i] = at[a * size + i] + share * (at[b * size + i] - at[a * size + i]);
  return now;
}

// (F, H, W) in steps of 1 / 255. `sheet` is the frame drawn last, one pixel for each cell.
function density(levels) {
  const [frames, height, width] = levels.shape;
  const sheet = Object.assign(document.createElement('canvas'), { width, height });
  return { frames, height, width, at: bytes(levels.data), sheet, shown: '' };
}

function decodedPanel(panel) {
  const { title = '', note = '', points, truth, arrows, paths = 0 } = panel;
  return {
    title, note, paths,
    points: points && { ...track(points.at), classes: points.classes ? bytes(points.classes) : null },
    truth: truth && track(truth),
    arrows: arrows && { from: track(arrows.from), to: track(arrows.to) },
    density: panel.density && density(panel.density),
  };
}

// The longest vector of a frame, (N, 2).
function longest(vectors) {
  let most = 0;
  for (let i = 0; i < vectors.length; i += 2) most = Math.max(most, vectors[i] ** 2 + vectors[i + 1] ** 2);
  return Math.sqrt(most);
}

function decoded(value) {
  const v = JSON.parse(JSON.stringify(value || {}));  // Gradio's own object is slow to read
  const panels = (v.panels || []).map(decodedPanel);
  const frames = v.frames || Math.max(1, ...panels.flatMap((p) => [p.points, p.truth, p.arrows?.to, p.density]).map((t) => t?.frames || 1));
  return { ...v, panels, charts: v.charts || [], frames, labels: v.labels || [], legend: v.legend || [], view: v.view || 3 };
}

// The nearest of (N, 2) to a place, and how far it is.
function nearest(places, x, y) {
  let best = -1, least = Infinity;
  for (let i = 0; i < places.length; i += 2) {
    const far = (places[i] - x) ** 2 + (places[i + 1] - y) ** 2;
    if (far < least) [best, least] = [i / 2, far];
  }
  return [best, Math.sqrt(least)];
}
