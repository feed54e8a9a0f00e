"""What the SDEdit tab does: the run, what is kept of it, one rung enlarged, the price."""

import contextlib
import functools

import gradio as gr

from core import cost, images
from core.checks import Refused
from core.generate import TEXT_SAMPLERS
from core.ladders import LADDERS, Ladder, SDEditRequest
from core.recording import Recording
from tabs._canvas import drawn
from tabs._common import told
from tabs._pictures import LANES, arrange, inside, numbered
from tabs._run import Show, kept, saved, stream
from tabs._saved import packed
from tabs._viewer import RUNS, shown

PICK = "#sdedit-pick"
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
    return f"{r.model}: {asked}; {TEXT_SAMPLERS[r.sampler].title} from t = timesteps[i], stride 30; {w}seed {r.seed}."


def shown_as(plan: Ladder) -> Show:
    """How its run is shown; the originals at the ends of the rows are not the model's."""
    columns = len(plan.starts)
    ours = [k for k in range(columns * len(plan.rows)) if (k + 1) % columns]
    return Show(arrange(columns), face(plan), described(plan), plan.request.model, ours, [p for _, p, _ in plan.rows])


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
    value = kept(recording, view, shown_as(plan))
    names = [
        f"row-{r + 1}-{label.split(' · ')[0].replace(' = ', '-')}"
        for r in range(len(plan.rows))
        for label in plan.across
    ]
    sheets = [images.grid(f.x_0, len(plan.starts)) for f in recording.frames]
    name = f"sdedit-{settings['experiment']}-{settings['model']}-seed-{settings['seed']}"
    _, files = saved(name, settings, sheets, list(zip(names, recording.result, strict=True)))
    return [value, 1, rung(recording, 0), *files]


def rung(recording: Recording, k: int) -> dict:
    """One rung through all kept steps, beside the original."""
    value, original = inside(recording, k), shown(recording.result[len(planned(recording.settings).starts) - 1])
    frames = [f | {"images": [original, *f["images"]]} for f in value["frames"]]
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
    plans = []
    for make in LADDERS.values():
        with contextlib.suppress(Refused):  # an experiment without its prompt
            plans.append(make(request).cost())
    (calls, many), *others = plans
    line = cost.sentence(calls, round(many), cost.seconds(model, device, calls, round(many)))
    return line + cost.others(cost.seconds(model, device, *price) for price in others)
