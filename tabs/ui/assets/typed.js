// The picture that follows the prompt while it is typed. One request is under way at a time, so the first key since the last
// request is the oldest that a picture has not answered.
const PAUSE = 700;  // milliseconds without a key after which the picture is enlarged
const box = element.querySelector('.typed'), picture = element.querySelector('img'), words = element.querySelector('p');
let pause = 0, before = '', late = 0;

window.typedKey = window.typedAsked = 0;
document.addEventListener('input', () => { window.typedKey ||= performance.now(); clearTimeout(pause); }, true);

// Told of every change; Gradio may tell of one twice.
window.typedChanged = ([on, ...values]) => {
  box.hidden = !on;
  const now = JSON.stringify([on, ...values]);
  if (now === before) return;
  before = now;
  clearTimeout(pause);
  if (on) trigger('input');
};

function refresh() {
  const v = props.value || {};
  if (!v.words) return;
  clearTimeout(pause);
  if (v.image) { picture.src = v.image; picture.alt = v.alt; picture.classList.toggle('typed-small', !v.large); }
  picture.hidden = !picture.src;
  if (!v.large) late = v.drawn && window.typedAsked ? Math.round(performance.now() - window.typedAsked) : 0;
  words.textContent = (late ? `${late} ms from the key to the picture · ` : '') + v.words;
  if (v.drawn) pause = setTimeout(() => { if (!box.hidden) trigger('submit'); }, PAUSE);
}

watch('value', refresh);
refresh();
