"""Sampling and guidance: pictures from pure noise, and three experiments in which only one thing changes."""

import functools
import time

import gradio as gr

from core import cost, images
from core.checks import whole
from core.enlarging import enlarge
from core.experiments import EXPERIMENTS, Plan
from core.pictures import EVEN, PictureRequest, checked_by_maker
from core.recording import Recording
from core.rng import MAX_SEED
from tabs import formulas
from tabs._common import NETWORK, Shared, formula_panel, send_row, tell_cost, temporary, told, wire
from tabs._header import alone
from tabs._inputs import Number
from tabs._look import example, look
from tabs._pictures import LANES, arrange, described, grid_of, inside, known_words, look_inside, numbered, pick
from tabs._sampling import EXPERIMENT_BUTTONS, inputs_column
from tabs._viewer import RUNS, finished, live, viewer

TITLE = "Sampling & guidance"
ID = "sampling"
FILES = ("GIF", "PNG", "All as zip")
PICK = "#sampling-pick"
FIELDS = tuple(PictureRequest.__dataclass_fields__)
RUN_ONLY = "(v, ...rest) => [{run: v?.run}, ...rest]"
BIGGER = (
    "Pocket draws 64 pixels and has no second stage; DeepFloyd IF's stage II takes any picture of 64 pixels to 256. "
    "The header says what it needs."
)
PRESETS = {
    "A panda": PictureRequest(),
    "Five of “a high quality photo”": PictureRequest("a high quality photo", n=5, steps=50),
    "A volcano": PictureRequest("an emoji of a volcano"),
    "A photo of a lion": PictureRequest("a photo of a lion"),
    "Away from red": PictureRequest("an emoji of a rose", negative="a red heart"),
}


def face(plan: Plan) -> dict:
    """Wide grids one above the other, square ones side by side."""
    rows = -(-len(plan.seeds) // plan.columns)
    return {"lanes": LANES, "columns": 1 if plan.columns > 2 * rows else 2, "grid": grid_of(plan, PICK)}


def planned(settings: dict) -> Plan:
    """The plan behind a recording's settings."""
    known = {k: settings[k] for k in FIELDS}
    return EXPERIMENTS[settings["experiment"]](PictureRequest(**known))


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
        device: str = "auto",
    ):
        values = (prompt, negative, n, model, sampler, steps, guidance, threshold, seed, timesteps, ratio, top)
        request = PictureRequest.checked(**dict(zip(FIELDS, values, strict=True)))
        plan = EXPERIMENTS[experiment](request)
        recording = Recording(request.settings() | {"experiment": experiment}, -1, 1)
        value, started = {}, time.monotonic()
        for value in live((recording,), recording.follow(plan.run(device)), arrange(plan.columns), face(plan)):
            if value["running"]:
                yield value
        cost.learn(model, device, *plan.cost(), time.monotonic() - started)
        notes = [described(request), *checked_by_maker(recording, request.model)]
        yield finished((recording,), arrange(plan.columns), face(plan)) | {
            "status": value["status"],
            "caption": " ".join(notes),
        }

    return run


@told
def keep(view: dict):
    """After a run or Stop: the scrubber with all frames, the look inside, and the GIF, PNG and zip of what exists."""
    (recording,) = RUNS.get(view)
    plan = planned(recording.settings)
    value = finished((recording,), arrange(plan.columns), face(plan)) | {"caption": described(plan.request)}
    if recording.done and view.get("status"):
        value["status"] = view["status"]
    factor = max(1, 1000 // (64 * plan.columns))
    sheets = [images.enlarge(images.grid(f.x_0, plan.columns), factor) for f in recording.frames]
    loop, grid = images.gif(sheets), images.grid(recording.result, plan.columns)
    tiles = [
        (f"{k + 1:02d}-seed-{plan.seeds[k]}-guidance-{plan.scales[k]:g}-steps-{plan.steps[k]}.png",
         images.png(tile, recording.settings | {"picture": k}))
        for k, tile in enumerate(recording.result)
    ]  # fmt: skip
    archive = images.zip_of([("grid.png", images.png(grid, recording.settings)), ("trajectory.gif", loop), *tiles])
    name = f"{recording.settings['experiment']}-{plan.request.model}-seed-{plan.request.seed}"
    picture = images.png(images.enlarge(grid, factor), recording.settings)
    files = ((f"{name}.gif", loop), (f"{name}.png", picture), (f"{name}.zip", archive))
    return value, inside(recording, 0), *(gr.DownloadButton(value=temporary(*f), interactive=True) for f in files)


def price(*values) -> str:
    """The cost line for the settings as they stand: the request's fields but the seed's, and the device."""
    *fields, device = values
    request = PictureRequest.checked(**dict(zip([f for f in FIELDS if f != "seed"], fields, strict=True)))
    calls, n = EXPERIMENTS["samples"](request).cost()
    return cost.sentence(calls, round(n), cost.seconds(request.model, device, calls, round(n)))


def fill(request: PictureRequest) -> list:
    """A request as values of the inputs."""
    return [getattr(request, name) for name in FIELDS]


@told
def larger(view: dict, index: float, prompt: str, seed: float, device: str = "auto"):
    """The chosen picture at 256 pixels by DeepFloyd's stage II, live, or what that would need."""
    (recording,) = RUNS.get(view)
    k = numbered(recording, index)
    big = Recording(recording.settings | {"enlarged": k}, -1, 1)
    steps = enlarge(recording.result[k], prompt, whole(seed, 0, MAX_SEED, "The seed"), device)
    face = {"lanes": ["x_0 at 256 pixels"], "columns": 2}
    yield from live((big,), big.follow(steps), lambda frames: [frames[0].x_0[0]], face)


@told
def restore(path: str) -> list:
    """The settings inside a PNG that this tab saved, back into the inputs."""
    settings = images.settings_of(path) or {}
    known = {k: settings[k] for k in FIELDS if k in settings}
    if settings.get("kind") != "picture":
        raise ValueError("This picture holds no settings of this tab; drop a PNG that was saved here.")
    return fill(PictureRequest.checked(**known))


def build(shared: Shared) -> None:
    """The tab."""
    with gr.Row(elem_classes="presets"):
        presets = [(gr.Button(name, size="sm", min_width=60), request) for name, request in PRESETS.items()]
    with gr.Row():
        with gr.Column(scale=2, min_width=340):
            inputs, start, stop, line, experiments, upload = inputs_column(PictureRequest.of(shared.model), shared)
            tell_cost(line, price, [c for c, f in zip(inputs, FIELDS, strict=True) if f != "seed"] + [shared.device])
        with gr.Column(scale=5, min_width=480):
            view = viewer("sampling-view", example("sampling"))
            with gr.Row(elem_classes="slim"):
                buttons = [gr.DownloadButton(t, interactive=False, size="sm", min_width=70) for t in FILES]
                index = Number(1, label="Picture", precision=0, min_width=80, elem_id=PICK[1:], info="click one")
                send_row(pick, [view, index], shared, ID)
            with gr.Accordion("Enlarge the chosen picture to 256 pixels", open=False):
                gr.HTML(f'<div class="caption">{BIGGER}</div>')
                bigger = gr.Button("Enlarge with DeepFloyd's stage II", size="sm")
                big = viewer("sampling-big")
            with gr.Accordion("Inside one picture: what guidance adds, step by step", open=False):
                inner = viewer("sampling-inside")
            formula_panel(formulas.SAMPLING)
            with gr.Accordion("What pocket knows", open=False):
                gr.HTML(known_words())
    kept = [view, inner, *buttons]
    upload.upload(restore, upload, inputs, api_name="restore_pictures", queue=False)
    wire(start, stop, runner("samples"), inputs, keep, kept, shared, "sample_pictures")
    for button, name in zip(experiments, EXPERIMENT_BUTTONS, strict=True):
        wire(button, stop, runner(name), inputs, keep, kept, shared, name.replace("-", "_"))
    index.change(
        look_inside,
        [view, index],
        inner,
        js=RUN_ONLY,
        api_visibility="private",
        show_progress="hidden",
    )
    prompt, seed = inputs[0], inputs[FIELDS.index("seed")]
    enlarging = bigger.click(
        larger, [view, index, prompt, seed, shared.device], big, js=RUN_ONLY, api_visibility="private", **NETWORK
    )
    stop.click(None, None, None, cancels=[enlarging], api_visibility="private")
    for button, request in presets:
        button.click(functools.partial(fill, request), None, inputs, api_visibility="private", queue=False)


if __name__ == "__main__":
    alone(TITLE, build).launch(**look())
