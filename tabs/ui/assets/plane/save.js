// Saving: one canvas with all that the page shows, as a picture, or recorded while it plays.
const RECORDS = typeof MediaRecorder !== 'undefined' && !!HTMLCanvasElement.prototype.captureStream
  && MediaRecorder.isTypeSupported('video/webm');
let recorder = null, film = null;

// How the canvas is laid out: places of the panels and charts, in pixels of the canvas.
function pageOf(ratio) {
  const n = data.panels.length, across = n < 4 ? Math.max(1, n) : shownColumns(), gap = 18 * ratio;
  const side = (n === 1 ? 640 : n === 2 ? 480 : 360) * ratio, head = 26 * ratio;
  const lines = Math.max(1, ...data.panels.map((p) => p.note.split('\n').length)), foot = (20 + 17 * lines) * ratio;
  const many = data.charts.length, [tall, alone] = n ? [200 * ratio, 0] : [280 * ratio, (many > 1 ? 480 * many : 640) * ratio];
  const width = Math.max(across * side + (across - 1) * gap, 360 * ratio, alone) + 2 * gap;
  const rows = Math.ceil(n / across), legendTop = gap + rows * (head + side + foot);
  const chartTop = legendTop + composeLegend(find('.plane-mark')?.getContext('2d') || made('canvas').getContext('2d'), false, gap, 0, width - 2 * gap, ratio);
  const wide = (width - 2 * gap - gap * (many - 1)) / Math.max(1, many), told = captionLines(width - 2 * gap, ratio);
  return {
    width, legendTop, gap, told, height: chartTop + (many ? tall + gap : 0) + (24 + 17 * told.length) * ratio, side, head, ratio, foot: chartTop + (many ? tall + gap : 0),
    panels: data.panels.map((_, k) => [gap + (k % across) * (side + gap), gap + Math.floor(k / across) * (head + side + foot)]),
    charts: data.charts.map((_, k) => [gap + k * (wide + gap), chartTop, wide, tall]),
  };
}

function shownColumns() {
  return Math.max(1, getComputedStyle(find('.plane-panels')).gridTemplateColumns.split(' ').length);
}

// The caption in lines of that width: what is shown, from which seed.
function captionLines(width, ratio) {
  const pen = made('canvas').getContext('2d'), lines = [''];
  pen.font = `400 ${12.5 * ratio}px ${ink.font}`;
  for (const word of (data.caption || '').split(' ')) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (pen.measureText(longer).width > width && lines.at(-1)) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines.filter(Boolean);
}

function words(pen, text, x, y, ratio, bold) {
  pen.font = `${bold ? 600 : 400} ${(bold ? 14 : 12.5) * ratio}px ${ink.font}`;
  pen.fillStyle = bold ? ink.text : ink.soft;
  pen.textAlign = 'left';
  pen.fillText(text, x, y);
}

function inside(pen, x, y, width, height, paint) {
  pen.save();
  pen.translate(x, y);
  pen.beginPath();
  pen.rect(0, 0, width, height);
  pen.clip();
  paint();
  pen.restore();
}

function compose(sheet, page) {
  const pen = sheet.getContext('2d'), { side, head, ratio } = page, most = longestNow(time);
  pen.fillStyle = ink.back;
  pen.fillRect(0, 0, sheet.width, sheet.height);
  data.panels.forEach((panel, k) => {
    const [x, y] = page.panels[k];
    words(pen, panel.title, x, y + 14 * ratio, ratio, true);
    inside(pen, x, y + head, side, side, () => paintPanel(pen, panel, side, ratio, time, most, { probe }));
    pen.strokeStyle = ink.hair;
    pen.lineWidth = ratio;
    pen.strokeRect(x, y + head, side, side);
    panel.note.split('\n').forEach((text, i) => words(pen, text, x, y + head + side + (16 + 17 * i) * ratio, ratio));
  });
  composeLegend(pen, true, page.gap, page.legendTop, page.width - 2 * page.gap, ratio);
  data.charts.forEach((chart, k) => {
    const [x, y, wide, tall] = page.charts[k];
    inside(pen, x, y, wide, tall, () => paintChart(pen, chart, wide, tall, ratio));
  });
  [labelNow(), ...page.told].filter(Boolean).forEach((text, i) => words(pen, text, page.gap, page.foot + (8 + 17 * i) * ratio, ratio));
}

function composed(ratio) {
  const page = pageOf(ratio), even = (v) => 2 * Math.ceil(v / 2);  // some video formats want even sides
  const sheet = Object.assign(document.createElement('canvas'), { width: even(page.width), height: even(page.height) });
  compose(sheet, page);
  return { sheet, page };
}

function download(blob, ending) {
  const name = `${element.closest('.block')?.id || 'plane'}.${ending}`;
  const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// The checksum of a PNG's chunk (PNG specification, annex D).
function crc(bytes) {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let k = 0; k < 8; k++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return ~sum >>> 0;
}

// A PNG with the figure's settings as text before its last chunk, as every picture that this app saves; the text is ASCII.
async function withSettings(blob) {
  const { settings } = props.value || {};
  if (!settings) return blob;
  const text = JSON.stringify(settings).replace(/[^ -~]/g, (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
  const body = new TextEncoder().encode(`tEXt${settings.app}\0${text}`), chunk = new DataView(new ArrayBuffer(body.length + 8));
  chunk.setUint32(0, body.length - 4);
  new Uint8Array(chunk.buffer).set(body, 4);
  chunk.setUint32(body.length + 4, crc(body));
  return new Blob([blob.slice(0, -12), chunk, blob.slice(-12)]);
}

function savePicture() {
  if (data.panels.length + data.charts.length) composed(2).sheet.toBlob(async (blob) => download(await withSettings(blob), 'png'));
}

// Plays once from the beginning and records it; a second click ends it.
function saveVideo() {
  if (recorder) return recorder.stop();
  if (data.frames < 2) return;
  stop();
  film = composed(1);
  const pieces = [], stream = film.sheet.captureStream(30);
  recorder = new MediaRecorder(stream, { mimeType: 'video/webm', videoBitsPerSecond: 6e6 });
  recorder.ondataavailable = (e) => pieces.push(e.data);
  recorder.onstop = () => {
    recorder = film = null;
    find('.plane-webm').classList.remove('plane-on');
    stream.getTracks().forEach((t) => t.stop());
    download(new Blob(pieces, { type: 'video/webm' }), 'webm');
  };
  recorder.start();
  find('.plane-webm').classList.add('plane-on');
  show(0);
  play();
}

// The last frame stays for a moment before the recording ends.
function recorded() {
  const ours = recorder;
  setTimeout(() => { if (ours?.state === 'recording') ours.stop(); }, 800);
}
