"""What the tabs of anagrams and hybrids share: inputs, the stream of a run, and the chosen picture's files."""

import dataclasses
from collections.abc import Callable, Sequence

import gradio as gr
import numpy as np

from core.diffusion.sampler_table import TEXT_SAMPLERS
from core.models.registry import spec
from core.pictures import images
from core.runs import cost
from core.runs.prompts import MAX_GUIDANCE, MAX_PICTURES, default_guidance, default_model
from core.runs.recording import Frame
from core.runs.two_readings import STYLES, Double
from tabs.ui.controls import seed_row, told
from tabs.ui.inputs import Dropdown, Radio, Slider
from tabs.ui.job import Show
from tabs.ui.prompts import numbered
from tabs.ui.saved import settings_input
from tabs.ui.viewer import RUN_ONLY, RUNS, Arrange

RUN_AGAIN = "() => [...document.querySelectorAll('.do-run')].find((b) => b.offsetParent)?.click()"
HOLD = 10  # frames that an animation rests at either end


def presets(ours: dict[str, Double], course: dict[str, Double]) -> dict[str, Double]:
    """The presets of a tab by name; where a DeepFloyd is ready, the course's figures too, with its prompts, DDPM and
    number of steps; they begin at t = 957, where DeepFloyd's own spacing begins, not at 990."""
    model = default_model()
    if not spec(model).in_course:
        return ours
    how = {"model": model, "style": "", "n": 1, "sampler": "ddpm", "steps": 34, "guidance": default_guidance(model)}
    return ours | {name: dataclasses.replace(r, **how) for name, r in course.items()}


# ---- inputs --------------------------------------------------------------------------------------------------------


def style_input(r: Double) -> gr.Dropdown:
    """What every prompt begins with."""
    choices = [*STYLES, ("no style", "")]
    info = "Put before every prompt; you may type your own."
    return Dropdown(choices, value=r.style, label="Style", info=info, allow_custom_value=True)


def number_inputs(r: Double) -> list[gr.components.Component]:
    """Pictures, steps, guidance, seed."""
    n = Slider(1, MAX_PICTURES, r.n, step=1, label="Pictures", info="1 to 8 seeds at once, to keep the best of them.")
    steps = Slider(1, 250, r.steps, step=1, label="Steps", info="1 to 250; 30 is plenty.")
    info = "0 ignores the prompts, 1 obeys them, more insists."
    guidance = Slider(0, MAX_GUIDANCE, r.guidance, step=0.5, label="Guidance w", info=info)
    return [n, steps, guidance, seed_row(r.seed)]


def sampler_input(r: Double) -> gr.Radio:
    """One of TEXT_SAMPLERS."""
    choices = [(s.title, name) for name, s in TEXT_SAMPLERS.items()]
    info = "DDIM and DPM-Solver++ add no noise on the way, DDPM does."
    return Radio(choices, value=r.sampler, label="Sampler", info=info)


def upload_input(restore: Callable, inputs: list, api_name: str) -> None:
    """Where a PNG that was saved here brings its settings back."""
    upload = settings_input()
    upload.upload(restore, upload, inputs, api_name=api_name, show_progress="hidden")


# ---- a run ---------------------------------------------------------------------------------------------------------


def face(request: Double, lanes: Sequence[str], pick: str) -> dict:
    """One lane of pictures per reading, so that what stands in one column is one picture; few stand side by side."""
    columns = request.n if request.n <= 4 else -(-request.n // 2)
    across = [f"seed {s}" for s in request.seeds] if request.n <= 4 else []
    beside = {1: len(lanes), 2: 2}.get(request.n, 1)
    grid = {"columns": columns, "count": request.n, "across": across, "pick": pick}
    return {"lanes": list(lanes), "columns": beside, "grid": grid}


def lanes_of(request: Double, readings: Callable[[np.ndarray], Sequence[np.ndarray]]) -> Arrange:
    """A frame as one grid per reading; `readings` turns the pictures (B, H, W, C) into as many (B, H, W, C)."""
    columns = request.n if request.n <= 4 else -(-request.n // 2)

    def arrange(frames: tuple[Frame, ...]) -> list[np.ndarray]:
        return [images.grid(lane, columns, gap=0) for f in frames for lane in readings(f.x_0)]

    return arrange


def show(request: Double, readings: Callable[[np.ndarray], Sequence[np.ndarray]], titles: Sequence[str], pick: str,
         caption: str) -> Show:  # fmt: skip
    """How a request's run is shown; arguments as of `face` and `lanes_of`."""
    prompts = [request.styled(p) for p in request.prompts if p]
    return Show(lanes_of(request, readings), face(request, titles, pick), caption, request.model, prompts=prompts)


def request_of(kind: type[Double], settings: dict) -> Double:
    """The checked request behind the settings of a recording or of a saved picture."""
    names = {f.name for f in dataclasses.fields(kind)}
    return kind.checked(**{k: v for k, v in settings.items() if k in names})


def priced(request: Double, device: str) -> str:
    """The cost line."""
    calls, n = request.cost()
    return cost.sentence(calls, n, cost.seconds(request.model, device, calls, n), request.guidance)


def how(request: Double) -> str:
    """Style, sampler, steps, guidance and seeds, for a caption."""
    last = f" – {request.seeds[-1]}" if request.n > 1 else ""
    style = f"{request.style} …; " if request.style else ""
    sampler = TEXT_SAMPLERS[request.sampler].title
    return f"{style}{sampler}, {request.steps} steps; guidance {request.guidance:g}; seed {request.seed}{last}"


# ---- the chosen picture --------------------------------------------------------------------------------------------


def there_and_back(frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Frames played to the end and back, resting at both ends."""
    return [frames[0]] * HOLD + list(frames) + [frames[-1]] * HOLD + list(frames[::-1])


def wire_choice(index: gr.Number, view: gr.HTML, choose: Callable, outputs: list) -> None:
    """A click on another picture fills `outputs` with what belongs to it."""
    index.input(choose, [view, index], outputs, js=RUN_ONLY, api_visibility="private", show_progress="hidden")


def wire_only(
    button: gr.Button, kind: type[Double], view: gr.HTML, index: gr.Number, seed: gr.Number, n: gr.Slider
) -> None:
    """A button that sets the seed of the chosen picture, and 1 picture, and runs: this one alone."""

    @told
    def keep_one(value: dict, k: float) -> tuple[int, int]:
        (recording,) = RUNS.get(value)
        return request_of(kind, recording.settings).seeds[numbered(recording, k)], 1

    job = button.click(
        keep_one, [view, index], [seed, n], js=RUN_ONLY, api_visibility="private", show_progress="hidden"
    )
    job.success(None, None, None, js=RUN_AGAIN, api_visibility="private")
