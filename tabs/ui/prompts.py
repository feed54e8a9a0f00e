"""What the text-to-image tabs share: prompts, models, captions, and the look inside one picture."""

import functools
import html
from collections.abc import Callable, Mapping, Sequence

import gradio as gr
import numpy as np

from core.checks import ModelError, Refused
from core.diffusion.sampler_table import TEXT_SAMPLERS
from core.models.registry import availability, card, of_task
from core.pictures import images
from core.pictures.figures import Words, figure
from core.runs.experiments import Plan
from core.runs.prompts import NOISIEST, clipped, prompt_of, remarks, text_model
from core.runs.recording import Frame, Recording
from tabs.ui.controls import NETWORK, Shared, after, told
from tabs.ui.job import Show, download_row, kept, offered
from tabs.ui.stale import hold
from tabs.ui.viewer import RUN_ONLY, RUNS, shown, timestep, viewer

LANES = ["x_0: the clean estimate", "x_t: the state, from noise to picture"]
ORIGINS = ["", "The noise that this came from"]
INSIDE = ["x_t: the state", "x_0: the clean estimate"]
HALVES = ("unconditional", "conditional")
GUIDED = ["noise estimate without the prompt", "noise estimate with the prompt", "their difference, contrast × 4"]
AWAY = "noise estimate with the negative prompt"
OFF = "; where guidance was off, the network was asked once, with the prompt, and both estimates are that one"
BIGGER = (
    "Pocket draws 64 pixels and has no second stage; DeepFloyd IF's stage II takes any picture of 64 pixels to 256, and "
    "Stable Diffusion's x4 upscaler, its stage III, from there to 1024. The header says what they need."
)
MODEL_CHOICES = [(m.title, m.name) for m in of_task("text")]


def grid_of(plan: Plan, pick: str) -> dict:
    """The labelled grid that the viewer draws for a plan; a click fills the number field `pick` names."""
    return {"columns": plan.columns, "count": len(plan.seeds), "across": plan.across, "down": plan.down, "pick": pick}


def arrange(columns: int):
    """A frame as two grids: clean estimates and states."""
    return lambda frames: [images.grid(lane, columns, gap=0) for f in frames for lane in (f.x_0, f.x_t)]


def described(plan: Plan) -> str:
    """What the pictures are: model, prompt, sampler, steps, guidance, threshold but clipping, seeds; one number, or where it goes from and to."""
    r = plan.request
    prompt = f"“{clipped(r.prompt, 200)}”" if r.prompt else "no prompt"
    negative = f", away from “{clipped(r.negative, 200)}”" if r.negative else ""
    steps = f"{TEXT_SAMPLERS[r.sampler].title}, {ranged(plan.steps)} steps"
    when = f" for t = {r.guide_from} – {r.guide_to}" if r.stretch else ""
    if plan.stretches:
        when = " for the t over each picture"
    elif r.stretch and not plan.guided(0):
        when += ", where no step falls"
    bound = {"dynamic": f"; dynamic threshold, quantile {r.ratio:g}, largest {r.top:g}", "none": "; no threshold"}
    guided = f"guidance {ranged(plan.scales)}{when}{bound.get(r.threshold, '')}"
    return f"{r.model}: {prompt}{negative}; {steps}; {guided}; seed {ranged(plan.seeds)}."


def ranged(values: Sequence[float]) -> str:
    """A number that is the same throughout, or the first and the last: "2 – 100"."""
    ends = dict.fromkeys((values[0], values[-1]))
    return " – ".join(f"{v:.10g}" for v in ends)


def inside(recording: Recording, k: int, gap: bool = True) -> dict:
    """One picture of a run through all its kept steps: state, estimate, and the noises it was made from.

    Args:
        gap: whether the difference of two noises is shown too.
    """
    titles = INSIDE + noise_titles(tuple(recording.frames[0].parts), gap, bool(recording.settings.get("negative")))
    frames, noises = [], next((f.parts for f in recording.frames if f.parts), {})
    for frame in recording.own(k):
        noises = frame.parts or noises  # a step up and the result have none: those of the step before stay
        frames.append({"images": [shown(p) for p in lanes(frame, noises, k, gap)], "label": timestep(frame)})
    return {
        "lanes": titles,
        "columns": len(titles),
        "frames": frames,
        "status": f"picture {k + 1}" + OFF * was_off(recording, k),
        "grid": {"columns": 1, "count": 1},
    }


def was_off(recording: Recording, k: int) -> bool:
    """Whether guidance was off for picture k in a part of the run: then its two noise estimates are one there."""
    settings, frame = recording.settings, recording.frames[0]
    if tuple(frame.parts) != HALVES:
        return False
    if settings.get("experiment") == "when-to-guide":
        return k < len(frame.x_0) - 1  # the last one is guided throughout
    return (settings.get("guide_from", NOISIEST), settings.get("guide_to", 0)) != (NOISIEST, 0)


def noise_titles(parts: tuple[str, ...], gap: bool, negative: bool = False) -> list[str]:
    """What stands under the noise estimates of `inside`: of guidance, or of whatever a technique put together.

    Args:
        negative: whether guidance leads away from a prompt, which then takes the place of none.
    """
    if parts == HALVES:
        titles = [AWAY if negative else GUIDED[0], GUIDED[1]]
    else:
        titles = [f"noise estimate: {name}" if name else "noise estimate" for name in parts]
    return titles + GUIDED[2:] * (gap and len(parts) == 2)


def lanes(frame: Frame, parts: Mapping[str, np.ndarray], k: int, gap: bool) -> list[np.ndarray]:
    """The pictures of one frame of `inside`, (64, 64, 3) uint8 each."""
    row = [frame.x_t[k], frame.x_0[k]]
    noises = [part[k] for part in parts.values()]
    if gap and len(noises) == 2:
        difference = noises[1].astype(np.int16) - noises[0]
        noises.append((128 + 4 * difference).clip(0, 255).astype(np.uint8))
    return row + noises


@told
def look_inside(view: dict, index: float) -> dict:
    """`inside` for the picture with that number, counted from 1 row by row."""
    (recording,) = RUNS.get(view)
    return inside(recording, numbered(recording, index))


def numbered(recording: Recording, index: object) -> int:
    """A picture number from 1 on as an index. Raises Refused if there is no such picture."""
    count = len(recording.result)
    if not isinstance(index, (int, float)) or isinstance(index, bool) or not 1 <= index <= count:
        only = "There is one picture now: it has number 1."
        raise Refused(only if count == 1 else f"Choose a picture from 1 to {count}, counted row by row.")
    return int(index) - 1


def fill_when_opened(panel: gr.Accordion, look: Callable, view: gr.HTML, index: gr.Number, outputs: list) -> None:
    """Opening a panel fills it with what belongs to the chosen picture, of an example too."""
    panel.expand(look, [view, index], outputs, js=RUN_ONLY, api_visibility="private", show_progress="hidden")


def pick(view: dict, index: float):
    """One picture of the current run, for another tab."""
    (recording,) = RUNS.get(view)
    return images.to_pil(recording.result[numbered(recording, index)])


@told
def remark_on(model: str, *prompts: str) -> str:
    """What the model makes of the prompts as they stand, as HTML; nothing where it is not here, as the cost line says that."""
    try:
        told_ = [line for p in prompts if p for line in remarks(text_model(model), prompt_of(p))]
    except Refused as e:
        return html.escape(str(e))
    except ModelError:
        return ""
    return "<br>".join(html.escape(line) for line in dict.fromkeys(told_))


def remark_on_styled(model: str, style: str, *prompts: str) -> str:
    """The same for prompts that all have a style in front."""
    return remark_on(model, *(f"{style or ''} {p}".strip() for p in prompts if p))


def remark_line(model: gr.Dropdown, *prompts: gr.Textbox, styled: bool = False) -> None:
    """A line under the prompts that says what the model does not know, told anew whenever they change.

    Args:
        styled: whether the first one is the style of the others.
    """
    line = gr.HTML(elem_classes="remarks")
    gr.on(
        [c.change for c in (model, *prompts)],
        remark_on_styled if styled else remark_on,
        [model, *prompts],
        line,
        trigger_mode="always_last",
        show_progress="hidden",
        api_visibility="private",
        queue=False,
    )


def enlarging_panel(how: str, elem_id: str) -> tuple[gr.Button, gr.HTML, gr.DownloadButton, gr.Button]:
    """The button that enlarges the chosen picture with stage II, the viewer that shows it, its file, the button for stage III."""
    with gr.Accordion(f"Enlarge the chosen picture to 256 pixels {how}".strip(), open=False):
        gr.HTML(f'<div class="caption">{BIGGER}</div>')
        bigger, big = gr.Button("Enlarge with DeepFloyd's stage II", size="sm"), viewer(elem_id)
        (file,) = download_row(["PNG, enlarged"])
        return bigger, big, file, gr.Button("And on to 1024 pixels with stage III", size="sm", visible=not how)


def wire_enlarging(
    button: gr.Button,
    stop: gr.Button,
    larger: Callable,
    inputs: list,
    shown_larger: Callable[[dict], Show],
    outputs: list,
    shared: Shared,
) -> None:
    """The button streams `larger(*inputs, device)` into the viewer; then, or on Stop, the viewer and the PNG are filled.

    Args:
        shown_larger: from the settings of such a run to how it is shown.
        outputs: the viewer and the button for the PNG.
    """
    big, values = outputs[0], [*inputs, shared.device]
    asked = hold(button, stop, outputs, big.elem_id)
    job = button.click(larger, values, big, js=RUN_ONLY, api_visibility="private", show_progress="hidden", **NETWORK)
    after(job, functools.partial(keep_enlarged, shown_larger), big, outputs, shared, asked)
    stop.click(None, None, None, cancels=[job], api_visibility="private")


@told
def keep_enlarged(shown_larger: Callable[[dict], Show], view: dict) -> tuple[dict, gr.DownloadButton]:
    """After enlarging or Stop: the viewer with every frame, and the PNG of what exists, in all its views."""
    (recording,) = RUNS.get(view)
    settings = recording.settings
    show = shown_larger(settings)
    value = kept(recording, show)
    views = show.arrange((recording.frames[-1],))
    picture = figure(images.grid(np.stack(views), len(views)), Words(below=value["caption"]))
    name = f"picture-{settings['enlarged'] + 1}-at-{settings['side']}-pixels.png"
    (file,) = offered((name, images.png(picture, settings)))
    return value, file


@functools.cache
def known_words() -> str:
    """Everything that pocket was taught, as HTML."""
    if not availability("pocket")[0]:
        return html.escape(availability("pocket")[1])
    c = card("pocket")
    drawn, seen = (", ".join(html.escape(n) for n in sorted(c[k], key=str.lower)) for k in ("drawings", "photos"))
    return (
        f'<div class="words"><p><b>{len(c["drawings"])} drawings</b>, as “an emoji of a …” or “a drawing of a …”: {drawn}.</p>'
        f"<p><b>{len(c['photos'])} kinds of photo</b>, as “a photo of a …”: {seen}.</p><p>{html.escape(c['limits'])}</p></div>"
    )
