// Pictures as they come: files, the clipboard, the camera. Each becomes a source: a canvas, white behind what is transparent.
const find = (s) => element.querySelector(s), all = (s) => [...element.querySelectorAll(s)];
const [SHORT, LONG] = [512, 4096];  // pixels of a source's shorter and longer side, at most
const JPEG = 2.5;  // a JPEG may be this much larger: a phone's usually is

function blank(width, height = width) {
  return Object.assign(document.createElement('canvas'), { width, height });
}

const penOf = (canvas) => canvas.getContext('2d', { willReadFrequently: true });

// The width and the height of a picture file, known before its pixels are decoded. A PNG says them itself: of one that is far
// too large the browser says nothing.
async function sizeOf(file) {
  const head = new DataView(await file.slice(0, 24).arrayBuffer());
  if (head.byteLength === 24 && head.getUint32(0) === 0x89504e47) return [head.getUint32(16), head.getUint32(20)];
  const picture = new Image(), url = URL.createObjectURL(file);
  try {
    await new Promise((loaded, failed) => Object.assign(picture, { onload: loaded, onerror: failed, src: url }));
    return [picture.naturalWidth, picture.naturalHeight];
  } finally {
    URL.revokeObjectURL(url);
  }
}

// The first frame, upright, shrunk as it is decoded, beside the page's own thread.
async function decoded(file) {
  const [width, height] = await sizeOf(file);
  if (width * height > props.most * (file.type === 'image/jpeg' ? JPEG : 1)) throw new RangeError();
  const share = Math.min(1, SHORT / Math.min(width, height), LONG / Math.max(width, height));
  if (share === 1) return createImageBitmap(file);
  const [w, h] = [width, height].map((v) => Math.max(1, Math.round(v * share)));
  return createImageBitmap(file, { resizeWidth: w, resizeHeight: h, resizeQuality: 'high' });
}

function sourceOf(picture) {
  const made = blank(picture.width, picture.height), pen = penOf(made);
  pen.fillStyle = '#fff';
  pen.fillRect(0, 0, made.width, made.height);
  pen.drawImage(picture, 0, 0);
  return made;
}

// A picture that the server sent or this window kept, as a data URI; null if there is none.
async function opened(uri) {
  if (!uri) return null;
  const picture = new Image();
  picture.src = uri;
  await picture.decode();
  return picture;
}

// A file on the canvas; one that cannot be read leaves everything as it was, and a sentence says so.
async function take(file) {
  say('');
  hint('Reading the picture …');
  try {
    const source = sourceOf(await decoded(file));
    change(() => place(source));
    choose(source.width === source.height ? marker : 'crop');
  } catch (error) {
    say(error instanceof RangeError ? props.words.large : props.words.unreadable);
  }
  hint();
}

const pictureIn = (items) => [...(items || [])].find((item) => item.kind === 'file')?.getAsFile();

async function paste() {
  try {
    for (const item of await navigator.clipboard.read()) {
      const type = item.types.find((one) => one.startsWith('image/'));
      if (type) return take(await item.getType(type));
    }
    say('There is no picture on the clipboard.');
  } catch {
    find('.paint-sheet').focus();
    say('Press Ctrl+V: this browser lets only the keyboard paste.');
  }
}

// Whether this canvas takes what is pasted: of those that are seen, the one that was touched last, else the first.
function takesPaste() {
  const seen = [...document.querySelectorAll('.paint')].filter((one) => one.offsetParent);
  return element.contains(seen.find((one) => one === window.lastPainted) || seen[0] || null);
}

// Ctrl+V anywhere in the tab, except where text is typed.
function pasted(e) {
  if (!takesPaste() || e.target.closest?.('input, textarea, [contenteditable="true"]')) return;
  const file = pictureIn(e.clipboardData?.items);
  if (file) take(file);
  else if (element.contains(document.activeElement)) say('There is no picture on the clipboard.');
}

function dropped(e) {
  e.preventDefault();
  find('.paint').classList.remove('paint-over');
  const [file] = e.dataTransfer.files;
  if (file) take(file);
  else say(props.words.unreadable);
}

// ---- the camera ----

let filming = null;

async function offerCamera() {
  const devices = await navigator.mediaDevices?.enumerateDevices().catch(() => []);
  find('[data-do=camera]').hidden = !devices?.some((device) => device.kind === 'videoinput');
}

async function film() {
  try {
    filming = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
  } catch {
    return say('The camera cannot be used: allow it in the browser, or upload a picture.');
  }
  const video = find('video');
  video.srcObject = filming;
  await video.play();  // before its first frame there is nothing to take
  find('.paint-camera').hidden = false;
}

function unfilm() {
  filming?.getTracks().forEach((track) => track.stop());
  filming = null;
  find('.paint-camera').hidden = true;
}

function snap() {
  const video = find('video'), picture = blank(video.videoWidth, video.videoHeight);
  penOf(picture).drawImage(video, 0, 0);
  unfilm();
  picture.toBlob(take);
}
