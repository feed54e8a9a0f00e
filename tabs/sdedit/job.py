"""What the SDEdit tab does: the run, what is kept of it, one rung enlarged, the price."""

import contextlib
import functools

import gradio as gr
import numpy as np

from core.checks import Refused
from core.diffusion.sampler_table import TEXT_SAMPLERS
from core.pictures import images
from core.pictures.images import WAITING
from core.runs import cost
from core.runs.recording import Frame, Recording
from core.runs.sdedit import LADDERS, Ladder, SDEditRequest
from tabs.ui.canvas import drawn
from tabs.ui.controls import told
from tabs.ui.job import Show, kept, saved, stream
from tabs.ui.prompts import inside, numbered
from tabs.ui.saved import packed
from tabs.ui.viewer import RUNS, Arrange, shown, timestep

PICK = "#sdedit-pick"
BUTTONS = {"with-and-without": "Without / with prompt", "several-prompts": "Several prompts"}
LANES = ["x_0: the clean estimate; grey: not begun yet", "x_t: the state, from noise to picture"]
ORIGINS = ["", "Where each one began: your picture, noised"]
FIELDS = tuple(SDEditRequest.__dataclass_fields__)


def face(plan: Ladder) -> dict:
    """Two labelled grids, one above the other."""
    columns, down = len(plan.starts), [label for label, _, _ in plan.rows]
    grid = {"columns": columns, "count": columns * len(down), "across": plan.across, "pick": PICK}
    grid["down"] = down if any(down) else []
    return {"lanes": LANES, "origins": ORIGINS, "columns": 1, "grid": grid}


def planned(settings: dict) -> Ladder:
    """The ladder behind a recording's settings."""
    return LADDERS[settings["experiment"]](SDEditRequest(**{k: settings[k] for k in FIELDS}))


def described(plan: Ladder) -> str:
    """What the pictures are: model, prompt, sampler, guidance, seed."""
    r, prompts = plan.request, sorted({p for _, p, _ in plan.rows if p})
    asked = f"“{prompts[0]}”" if len(prompts) == 1 else f"{len(prompts)} prompts" if prompts else "no prompt"
    w = f"guidance {r.guidance:g}; " if prompts else ""
    return f"{r.model}: {asked}; {TEXT_SAMPLERS[r.sampler].title} from t = 990 - 30 i; {w}seed {r.seed}."


def begun(plan: Ladder, frame: Frame, k: int) -> bool:
    """Whether picture k has a clean estimate in a frame: the network was asked, or it is the original."""
    start = plan.starts[k % len(plan.starts)]
    return start == plan.starts[-1] or start <= plan.starts[0] + frame.i


def estimates(plan: Ladder, frame: Frame) -> np.ndarray:
    """The clean estimates of a frame, (B, 64, 64, 3) uint8, even grey where a rung has not begun."""
    x_0 = frame.x_0.copy()
    x_0[[k for k in range(len(x_0)) if not begun(plan, frame, k)]] = WAITING
    return x_0


def arrange(plan: Ladder) -> Arrange:
    """A frame as two grids: clean estimates and states."""
    columns = len(plan.starts)
    return lambda frames: [images.grid(p, columns, gap=0) for f in frames for p in (estimates(plan, f), f.x_t)]


def shown_as(plan: Ladder) -> Show:
    """How its run is shown; the originals at the ends of the rows are not the model's."""
    columns = len(plan.starts)
    ours = [k for k in range(columns * len(plan.rows)) if (k + 1) % columns]
    return Show(arrange(plan), face(plan), described(plan), plan.request.model, ours, [p for _, p, _ in plan.rows])


def runner(experiment: str):
    """The handler of one experiment. Yields the viewer's value: status, fraction, and pictures as data URIs."""

    @told
    def run(
        canvas: dict, prompt: str, guidance: float, starts: str, n: float, prompts: str, model: str, sampler: str,
        seed: float, device: str = "auto",
    ):  # fmt: skip
        request = SDEditRequest.checked(
            prompt=prompt,
            guidance=guidance,
            starts=starts,
            n=n,
            prompts=prompts,
            model=model,
            sampler=sampler,
            seed=seed,
        )
        plan = LADDERS[experiment](request)
        pixels = drawn(canvas)
        settings = plan.request.settings() | {"experiment": experiment, "original": packed(pixels)}
        make = functools.partial(plan.run, images.to_tensor(pixels, -1, 1))
        yield from stream(Recording(settings, -1, 1), make, shown_as(plan), device, plan.cost())

    return run


@told
def keep(view: dict) -> list:
    """After a run or Stop: the scrubber with all frames, one rung enlarged, and the GIF, PNG and zip of what exists."""
    (recording,) = RUNS.get(view)
    plan, settings = planned(recording.settings), recording.settings
    show = shown_as(plan)
    value = kept(recording, show)
    names = [
        f"row-{r + 1}-{label.split(' · ')[0].replace(' = ', '-')}"
        for r in range(len(plan.rows))
        for label in plan.across
    ]
    sheets = [images.grid(estimates(plan, f), len(plan.starts)) for f in recording.frames]
    name = f"sdedit-{settings['experiment']}-{settings['model']}-seed-{settings['seed']}"
    tiles = list(zip(names, estimates(plan, recording.frames[-1]), strict=True))
    _, files = saved(name, settings, sheets, tiles, value)
    return [value, 1, rung(recording, 0), *files]


def rung(recording: Recording, k: int) -> dict:
    """One rung through all kept steps, beside the original."""
    plan, value = planned(recording.settings), inside(recording, k)
    original, grey = (
        shown(p) for p in (recording.result[len(plan.starts) - 1], np.full_like(recording.result[k], WAITING))
    )
    frames = []
    for frame, (x_t, x_0, *more) in zip(recording.frames, (f["images"] for f in value["frames"]), strict=True):
        label = timestep(frame) if begun(plan, frame, k) else f"{timestep(frame)} · not begun"
        frames.append({"images": [original, x_t, x_0 if begun(plan, frame, k) else grey, *more], "label": label})
    return value | {"lanes": ["original", *value["lanes"]], "columns": 3, "frames": frames}


@told
def look_at(view: dict, index: float):
    """`rung` for the picture with that number, counted from 1 row by row, and its panel, opened."""
    (recording,) = RUNS.get(view)
    return rung(recording, numbered(recording, index)), gr.Accordion(open=True)


def price(prompt, guidance, starts, n, prompts, model, sampler, device) -> str:
    """The cost line for the settings as they stand."""
    request = SDEditRequest.checked(
        prompt=prompt, guidance=guidance, starts=starts, n=n, prompts=prompts, model=model, sampler=sampler
    )
    others = []
    plan = LADDERS["ladder"](request)
    calls, many = plan.cost()
    for name, title in BUTTONS.items():
        with contextlib.suppress(Refused):  # an experiment without its prompt
            others.append((title, cost.seconds(model, device, *LADDERS[name](request).cost())))
    line = cost.sentence(calls, round(many), cost.seconds(model, device, calls, round(many)), plan.scale)
    return line + cost.others(others)
