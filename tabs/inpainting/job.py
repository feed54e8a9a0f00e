"""What the inpainting tab does: the run, what is kept of it, the price and the zig-zag."""

import contextlib
import functools

import gradio as gr
import numpy as np
import pandas as pd
from PIL import Image

from core.checks import ModelError, Refused
from core.pictures import images, masks
from core.runs import cost
from core.runs.inpainting import FILLINGS, Filling, InpaintRequest, T, soft
from core.runs.recording import Recording
from core.techniques.inpainting import evaluations
from tabs.inpainting.mask import grey, hole_of, painted
from tabs.ui.controls import told
from tabs.ui.job import Show, kept, saved, stream
from tabs.ui.prompts import inside
from tabs.ui.saved import packed, unpacked
from tabs.ui.viewer import RUNS

PICK = "#inpainting-pick"
BUTTONS = {"once-and-often": "n = 1 against n = 5", "two-pastes": "RePaint / clean paste"}
FIELDS = tuple(InpaintRequest.__dataclass_fields__)
ACROSS = ("original", "mask used", "hole to fill", "x_t: the state", "x_0, then result")


def arrange(original: np.ndarray, used: np.ndarray):
    """A frame as one grid: original, mask, hole, state, estimate in every row."""
    fixed = (original, used.repeat(3, -1), hole_of(original, used))

    def rows(frames) -> list[np.ndarray]:
        cells = [cell for f in frames for pair in zip(f.x_t, f.x_0, strict=True) for cell in (*fixed, *pair)]
        return [images.grid(np.stack(cells), len(ACROSS), gap=0)]

    return rows


def face(plan: Filling) -> dict:
    """One labelled grid; a click chooses a picture."""
    down = list(plan.rows) if any(plan.rows) else []
    grid = {"columns": len(ACROSS), "count": len(ACROSS) * len(plan.rows), "across": ACROSS, "down": down, "pick": PICK}
    lane = "x_0: the clean estimate; in the result the known pixels are the original's, bit for bit"
    return {"lanes": [lane + "; grey: not begun yet" * (len(plan.ways) > 1)], "columns": 1, "grid": grid}


def described(plan: Filling) -> str:
    """What the pictures are: model, prompt, sampler, steps, resampling, guidance, seed."""
    r = plan.request
    asked = f"“{r.prompt}”; guidance {r.guidance:g}" if r.prompt else "no prompt"
    again = ", ".join(sorted({f"n = {n}" for _, n, _ in plan.ways})) + f", j = {r.jump_length}"
    if r.below < T - 1 and max(n for _, n, _ in plan.ways) > 1:  # a run begins at T - 1
        again += f" from t = {r.below} down"
    edge = f"; feather {r.feather} px" if r.feather else ""
    return f"{r.model}: {asked}; DDPM, {r.steps} steps, {again}, {plan.cost()[0]} network calls{edge}; seed {r.seed}."


def planned(settings: dict) -> Filling:
    """The filling behind a recording's settings."""
    return FILLINGS[settings["experiment"]](InpaintRequest(**{k: settings[k] for k in FIELDS}))


def recalled(recording: Recording) -> tuple[Filling, np.ndarray, np.ndarray]:
    """The plan, the original and the mask as it was used, of a recording."""
    s = recording.settings
    plan = planned(s)
    used = grey(soft(masks.mask_of(unpacked(s["mask"])), plan.request.feather))
    return plan, np.asarray(unpacked(s["original"])), used


def shown_as(plan: Filling, original: np.ndarray, used: np.ndarray) -> Show:
    """How its run is shown."""
    r = plan.request
    return Show(arrange(original, used), face(plan), described(plan), r.model, prompts=(r.prompt,))


def runner(experiment: str):
    """The handler of one experiment. Yields the viewer's value: status, fraction, and pictures as data URIs."""

    @told
    def run(
        canvas: dict, prompt: str, guidance: float, n: float, steps: float, jump_n: float, jump_length: float,
        below: float, feather: float, model: str, seed: float, device: str = "auto",
    ):  # fmt: skip
        request = InpaintRequest.checked(
            prompt=prompt, guidance=guidance, n=n, steps=steps, jump_n=jump_n, jump_length=jump_length, below=below,
            feather=feather, model=model, seed=seed,
        )  # fmt: skip
        plan = FILLINGS[experiment](request)
        original, mask = painted(canvas)
        used = soft(mask, plan.request.feather)
        settings = plan.request.settings() | {"experiment": experiment}
        settings |= {"original": packed(original), "mask": packed(grey(mask))}
        make = functools.partial(plan.run, images.to_tensor(original, -1, 1), used)
        show = shown_as(plan, original, grey(used))
        yield from stream(Recording(settings, -1, 1), make, show, device, plan.cost())

    return run


@told
def keep(view: dict) -> list:
    """After a run or Stop: the scrubber with all frames, one filling enlarged, and the GIF, PNG and zip of what exists."""
    (recording,) = RUNS.get(view)
    plan, original, used = recalled(recording)
    show, s = shown_as(plan, original, used), recording.settings
    value = kept(recording, show)
    begun = plan.begun(recording.frames[-1].i)
    if begun < len(plan.rows):
        value["caption"] += " Grey: not begun yet."
    tiles = [(f"result-{k + 1}", p) for k, p in enumerate(recording.result[:begun])]
    tiles += [("original", original), ("mask", used), ("hole", hole_of(original, used))]
    sheets = [show.arrange((f,))[0] for f in recording.frames]
    name = f"inpainting-{s['experiment']}-{s['model']}-seed-{s['seed']}"
    _, files = saved(name, s, sheets, tiles, value)
    return [value, len(ACROSS), filling(recording, 0), *files]


def filling(recording: Recording, row: int) -> dict:
    """The filling in a row through all kept steps, under the number that its result has in the figure."""
    plan, value = planned(recording.settings), inside(recording, row)
    for frame, shown in zip(recording.frames, value["frames"], strict=True):
        if row >= plan.begun(frame.i):
            shown["label"] += " · not begun"
    return value | {"status": f"picture {(row + 1) * len(ACROSS)}"}


def cell(view: dict, index: object) -> tuple[Recording, int, int]:
    """The recording, and row and column of a picture number, counted row by row from 1. Raises Refused if there is none."""
    (recording,) = RUNS.get(view)
    count = len(ACROSS) * len(recording.result)
    if not isinstance(index, (int, float)) or isinstance(index, bool) or not 1 <= index <= count:
        raise Refused(f"Choose a picture from 1 to {count}, counted row by row.")
    return recording, *divmod(int(index) - 1, len(ACROSS))


@told
def look_at(view: dict, index: float):
    """The filling in that picture's row through all kept steps, and its panel, opened."""
    recording, row, _ = cell(view, index)
    return filling(recording, row), gr.Accordion(open=True)


def pick(view: dict, index: float) -> Image.Image:
    """One picture of the current run, for another tab. Raises Refused if it has not begun."""
    recording, row, column = cell(view, index)
    plan, original, used = recalled(recording)
    last = recording.frames[-1]
    if row >= plan.begun(last.i) and column >= ACROSS.index("x_t: the state"):
        raise Refused("This picture is grey because its filling has not begun: choose another one.")
    rows = arrange(original, used)((last,))[0]
    top, left = 64 * row, 64 * column
    return images.to_pil(rows[top : top + 64, left : left + 64])


def price(prompt, guidance, n, steps, jump_n, jump_length, below, feather, model, device) -> str:
    """The cost line for the settings as they stand, and the calls of the two experiments."""
    request = InpaintRequest.checked(
        prompt=prompt, guidance=guidance, n=n, steps=steps, jump_n=jump_n, jump_length=jump_length, below=below,
        feather=feather, model=model,
    )  # fmt: skip
    plan = FILLINGS["fill"](request)
    calls, each = plan.cost()
    line = cost.sentence(calls, each, cost.seconds(model, device, calls, each), plan.scale)
    others = []
    for name, title in BUTTONS.items():
        with contextlib.suppress(Refused):  # a comparison of n = 1 with resampling that has no room
            others.append((title, cost.seconds(model, device, *FILLINGS[name](request).cost())))
    return line + cost.others(others)


def path(steps: float, jump_n: float, jump_length: float, below: float):
    """The zig-zag of timesteps and a line on it; both rest while the values make no sense, or pocket is not here.

    The chart keeps its title: one whose title and values change together shows the values before.
    """
    try:
        visits = InpaintRequest.checked(steps=steps, jump_n=jump_n, jump_length=jump_length, below=below).visits()
    except (Refused, ModelError):
        return gr.skip()
    line = f"{len(visits) - 1:,} transitions, {evaluations(visits):,} of them network calls"
    return pd.DataFrame({"transition": range(len(visits)), "t": visits}), f'<div class="caption">{line}</div>'
