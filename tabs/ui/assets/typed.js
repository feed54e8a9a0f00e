// The picture that follows the prompt while it is typed. One request is under way at a time; the newest values win.
const PAUSE = 700;  // milliseconds without a key after which the picture is enlarged
const box = element.querySelector('.typed'), picture = element.querySelector('img'), words = element.querySelector('p');
const page = Math.random().toString(36).slice(2);  // whose older picture a newer one replaces
let wanted = null, before = '', under = false, pause = 0, pressed = 0, late = 0;

document.addEventListener('input', () => { pressed ||= performance.now(); clearTimeout(pause); }, true);

// Told of every change; Gradio may tell of one twice.
window.typedChanged = ([on, ...values]) => {
  box.hidden = !on;
  const now = JSON.stringify([on, ...values]);
  if (now === before) return;
  before = now;
  clearTimeout(pause);
  wanted = on ? values : null;
  if (!under) draw();
};

async function draw() {
  under = true;
  for (let asked, again = false; wanted && (asked !== wanted || again);) {
    const key = pressed, second = again;
    asked = wanted;
    pressed = 0;
    const v = await answer(server.typed, asked);
    again = !v.words && !second;  // an older question that came later to the server has taken its turn
    show(v, key);
  }
  under = false;
  if (wanted) pause = setTimeout(enlarge, PAUSE);
}

async function enlarge() {
  const asked = wanted, larger = await answer(server.enlarged, asked);
  if (asked === wanted) show(larger, 0);
}

const answer = async (draw, asked) => { try { return await draw([page, ...asked]); } catch { return {}; } };

function show(v, key) {
  if (!v.words) return;
  if (v.image) { picture.src = v.image; picture.alt = v.alt; picture.classList.toggle('typed-small', !v.large); }
  picture.hidden = !picture.src;
  if (!v.large) late = v.image && key ? Math.round(performance.now() - key) : 0;
  words.textContent = (late ? `${late} ms from the key to the picture · ` : '') + v.words;
}
