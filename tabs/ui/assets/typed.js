// The picture that follows the prompt while it is typed. One request is under way at a time, so the first key since the last
// request is the oldest that a picture has not answered.
const PAUSE = 700;  // milliseconds without a key after which the picture is enlarged
const box = element.querySelector('.typed'), picture = element.querySelector('img'), words = element.querySelector('p');
let pause = 0;

window.typedKey = window.typedAsked = 0;
document.addEventListener('input', () => { window.typedKey ||= performance.now(); clearTimeout(pause); }, true);

function refresh() {
  const v = props.value || {};
  box.hidden = !v.on;
  clearTimeout(pause);
  if (!v.on) return;
  if (v.image) { picture.src = v.image; picture.alt = v.alt; }
  picture.hidden = !picture.src;
  picture.classList.toggle('typed-small', !v.large);
  const late = v.drawn && window.typedAsked ? Math.round(performance.now() - window.typedAsked) : 0;
  words.textContent = (late ? `${late} ms from the key to the picture · ` : '') + v.words;
  if (v.drawn) { window.typedAsked = 0; pause = setTimeout(() => trigger('submit'), PAUSE); }
}

watch('value', refresh);
refresh();
