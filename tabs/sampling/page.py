"""Sampling and guidance: pictures from pure noise, and experiments in which only one thing changes."""

import contextlib
import functools
from dataclasses import replace

import gradio as gr

from core.checks import Refused
from core.models.registry import spec
from core.pictures import images
from core.runs import cost
from core.runs.enlarging import enlarge, enlarger
from core.runs.experiments import EXPERIMENTS, Plan
from core.runs.prompts import NOISIEST, clipped
from core.runs.recording import Recording
from core.runs.sampling import EVEN, PictureRequest
from tabs.sampling.inputs import EXPERIMENT_BUTTONS, inputs_column
from tabs.sampling.learned import how_pocket_learned
from tabs.ui.controls import Shared, formula_panel, send_row, tell_cost, told, wire
from tabs.ui.examples import example
from tabs.ui.inputs import Number
from tabs.ui.job import Show, download_row, kept, saved, stream
from tabs.ui.prompts import (
    LANES,
    ORIGINS,
    arrange,
    described,
    enlarging_panel,
    fill_when_opened,
    grid_of,
    inside,
    known_words,
    look_inside,
    numbered,
    pick,
    wire_enlarging,
)
from tabs.ui.saved import settings_in
from tabs.ui.viewer import RUN_ONLY, RUNS, viewer

TITLE = "Sampling & guidance"
ID = "sampling"
PICK = "#sampling-pick"
FIELDS = tuple(PictureRequest.__dataclass_fields__)
PRESETS = {
    "A panda": PictureRequest(),
    "Five of “a high quality photo”": PictureRequest("a high quality photo", n=5, steps=50, guidance=1.0),
    "Five seashores": PictureRequest("a photo of a seashore", n=5),
    "Five pizzas": PictureRequest("a photo of a pizza", n=5, guidance=5.0),
    "A volcano": PictureRequest("an emoji of a volcano"),
    "Away from a dog": PictureRequest("an emoji of a bear", negative="an emoji of a dog face"),
}
LISTED = "; the number of steps comes from the list under Timesteps (More settings), not from Steps"
COURSE = ("an oil painting of a snowy mountain village", "a man wearing a hat", "a rocket ship")


def all_presets() -> dict[str, PictureRequest]:
    """By name; where a DeepFloyd is ready, the course's figures too."""
    r = PictureRequest.of()
    if not spec(r.model).in_course:
        return PRESETS
    photos = replace(r, prompt="a high quality photo", n=5)
    samples = {"Five photos, w = 1": replace(photos, guidance=1.0), f"Five photos, w = {r.guidance:g}": photos}
    return PRESETS | samples | {clipped(prompt, 20): replace(r, prompt=prompt) for prompt in COURSE}


def face(plan: Plan) -> dict:
    """Wide and labelled grids one above the other, square ones side by side."""
    rows = -(-len(plan.seeds) // plan.columns)
    stacked = plan.columns > 2 * rows or plan.down
    return {"lanes": LANES, "origins": ORIGINS, "columns": 1 if stacked else 2, "grid": grid_of(plan, PICK)}


def planned(settings: dict) -> Plan:
    """The plan behind a recording's settings."""
    known = {k: settings[k] for k in FIELDS if k in settings}  # an older run has fewer
    return EXPERIMENTS[settings["experiment"]](PictureRequest(**known))


def shown_as(plan: Plan) -> Show:
    """How its run is shown."""
    r = plan.request
    return Show(arrange(plan.columns), face(plan), described(plan), r.model, prompts=(r.prompt, r.negative))


def runner(experiment: str):
    """The handler of one experiment. Yields the viewer's value: status, fraction, and pictures as data URIs."""

    @told
    def run(
        prompt: str,
        negative: str,
        n: float,
        model: str,
        sampler: str,
        steps: float,
        guidance: float,
        threshold: str,
        seed: float,
        timesteps: str = EVEN,
        ratio: float = 0.95,
        top: float = 1.5,
        guide_from: float = NOISIEST,
        guide_to: float = 0,
        device: str = "auto",
    ):
        how = (sampler, steps, guidance, threshold, seed, timesteps, ratio, top, guide_from, guide_to)
        request = PictureRequest.checked(**dict(zip(FIELDS, (prompt, negative, n, model, *how), strict=True)))
        plan = EXPERIMENTS[experiment](request)
        recording = Recording(plan.settings() | {"experiment": experiment}, -1, 1, lengths=plan.steps)
        yield from stream(recording, plan.run, shown_as(plan), device, plan.cost())

    return run


@told
def keep(view: dict):
    """After a run or Stop: the scrubber with all frames, the look inside, and the GIF, PNG and zip of what exists."""
    (recording,) = RUNS.get(view)
    plan = planned(recording.settings)
    show = shown_as(plan)
    value = kept(recording, show)
    sheets = [images.grid(f.x_0, plan.columns) for f in recording.frames]
    when = [f"-from-{first}-to-{last}" if first >= 0 else "-off" for first, last in plan.stretches]
    each = zip(plan.seeds, plan.scales, plan.steps, when or [""] * len(plan.seeds), strict=True)
    titles = [f"{k:02d}-seed-{seed}-guidance-{w:g}{t}-steps-{n}" for k, (seed, w, n, t) in enumerate(each, 1)]
    name = f"{recording.settings['experiment']}-{plan.request.model}-seed-{plan.request.seed}"
    tiles = list(zip(titles, recording.result, strict=True))
    _, files = saved(name, recording.settings, sheets, tiles, value)
    return value, 1, inside(recording, 0), *files


def price(*values) -> str:
    """The cost line for the settings as they stand: the request's fields but the seed's, and the device."""
    *fields, device = values
    request = PictureRequest.checked(**dict(zip([f for f in FIELDS if f != "seed"], fields, strict=True)))
    calls, n = EXPERIMENTS["samples"](request).cost()
    expected = cost.seconds(request.model, device, calls, n)
    others = []
    for name, title in EXPERIMENT_BUTTONS.items():
        with contextlib.suppress(Refused):  # the sweep over steps does not go with every sampler
            others.append((title, cost.seconds(request.model, device, *EXPERIMENTS[name](request).cost())))
    partly = request.stretch is not None
    each = request.n if partly else round(n)
    line = cost.sentence(calls, each, expected, request.guidance, bool(request.negative), partly)
    return line + LISTED * (request.timesteps != EVEN) + cost.others(others)


def fill(request: PictureRequest) -> list:
    """A request as values of the inputs."""
    return [getattr(request, name) for name in FIELDS]


@told
def larger(view: dict, index: float, device: str = "auto"):
    """The chosen picture four times larger, live, by stage II or III, from its own prompt and seed; or what that would need."""
    (recording,) = RUNS.get(view)
    settings, k = recording.settings, numbered(recording, index)
    pixels, plan = recording.result[k], planned(settings)
    k = settings.get("enlarged", k)  # what stage II enlarged goes on to stage III
    settings = settings | {"enlarged": k, "enlarger": enlarger(len(pixels)), "side": 4 * len(pixels)}
    make = functools.partial(enlarge, pixels, plan.request.prompt, plan.seeds[k])
    yield from stream(Recording(settings, -1, 1), make, shown_larger(settings), device)


def shown_larger(settings: dict) -> Show:
    """How an enlarged picture is shown."""
    plan, k, name = planned(settings), settings["enlarged"], settings["enlarger"]
    face = {"lanes": [f"x_0 at {settings['side']} pixels"], "columns": 1}
    caption = f"Picture {k + 1}, enlarged by {name}; seed {plan.seeds[k]}."
    return Show(lambda frames: [frames[0].x_0[0]], face, caption, name, prompts=(plan.request.prompt,))


def larger_still(view: dict, device: str = "auto"):
    """As `larger`, for the one picture that was enlarged already."""
    yield from larger(view, 1, device)


@told
def restore(path: str) -> list:
    """The settings inside a PNG that this tab saved, back into the inputs."""
    settings = settings_in(path, "picture")
    known = {k: settings[k] for k in FIELDS if k in settings}
    return fill(PictureRequest.checked(**known))


def build(shared: Shared) -> None:
    """The tab."""
    with gr.Row(elem_classes="presets"):
        presets = [(gr.Button(name, size="sm", min_width=60), request) for name, request in all_presets().items()]
    with gr.Row():
        with gr.Column(scale=2, min_width=340):
            inputs, start, stop, line, experiments, upload = inputs_column(PictureRequest.of(shared.model), shared)
            tell_cost(line, price, [c for c, f in zip(inputs, FIELDS, strict=True) if f != "seed"] + [shared.device])
        with gr.Column(scale=5, min_width=480):
            view = viewer("sampling-view", example("sampling"))
            with gr.Row(elem_classes="slim"):
                buttons = download_row()
                index = Number(
                    1, label="Picture number", precision=0, min_width=80, elem_id=PICK[1:], info="or click one"
                )
            send_row(pick, [view, index], shared, ID)
            bigger, big, file, still = enlarging_panel("", "sampling-big")
            with gr.Accordion("Inside one picture: what guidance adds, step by step", open=False) as panel:
                inner = viewer("sampling-inside")
            formula_panel("sampling")
            with gr.Accordion("How pocket learned", open=False):
                gr.HTML(how_pocket_learned())
            with gr.Accordion("What pocket knows", open=False):
                gr.HTML(known_words())
    kept = [view, index, inner, *buttons]
    upload.upload(restore, upload, inputs, api_name="restore_pictures", show_progress="hidden")
    wire(start, stop, runner("samples"), inputs, keep, kept, shared, "sample_pictures")
    for button, name in zip(experiments, EXPERIMENT_BUTTONS, strict=True):
        wire(button, stop, runner(name), inputs, keep, kept, shared, name.replace("-", "_"))
    index.input(
        look_inside,
        [view, index],
        inner,
        js=RUN_ONLY,
        api_visibility="private",
        show_progress="hidden",
    )
    fill_when_opened(panel, look_inside, view, index, [inner])
    wire_enlarging(bigger, stop, larger, [view, index], shown_larger, [big, file], shared)
    wire_enlarging(still, stop, larger_still, [big], shown_larger, [big, file], shared)
    for button, request in presets:
        button.click(functools.partial(fill, request), None, inputs, api_visibility="private", queue=False)
