"""Sampling and guidance: pictures from pure noise, and three experiments in which only one thing changes."""

import functools
import time

import gradio as gr

from core import cost, images
from core.generate import TEXT_SAMPLERS
from core.pictures import EXPERIMENTS, MAX_GUIDANCE, MAX_PICTURES, THRESHOLDS, PictureRequest, Plan
from core.recording import Recording
from tabs import formulas
from tabs._common import Shared, formula_panel, run_row, seed_row, send_row, tell_cost, temporary, told, wire
from tabs._header import alone
from tabs._inputs import Dropdown, Number, Radio, Slider, Textbox
from tabs._look import example, look
from tabs._pictures import (
    LANES,  # fmt: skip
    MODEL_CHOICES,
    arrange,
    described,
    grid_of,
    inside,
    known_words,
    look_inside,
    pick,
    remark_line,
)
from tabs._viewer import RUNS, finished, live, viewer

TITLE = "Sampling & guidance"
ID = "sampling"
FILES = ("GIF", "PNG", "All as zip")
PICK = "#sampling-pick"
BUTTONS = {
    "with-and-without": "Guidance off / on",
    "guidance-sweep": "Guidance sweep",
    "step-sweep": "Step sweep",
}
PRESETS = {
    "A penguin": PictureRequest(),
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
    known = {k: settings[k] for k in PictureRequest.__dataclass_fields__}
    return EXPERIMENTS[settings["experiment"]](PictureRequest(**known))


def runner(experiment: str):
    """The handler of one experiment. Yields the viewer's value: status, fraction, and pictures as data URIs."""

    @told
    def run(
        prompt: str, negative: str, n: float, model: str, sampler: str, steps: float, guidance: float,
        threshold: str, seed: float, device: str = "auto",
    ):  # fmt: skip
        request = PictureRequest.checked(
            prompt=prompt, negative=negative, n=n, model=model, sampler=sampler, steps=steps, guidance=guidance,
            threshold=threshold, seed=seed,
        )  # fmt: skip
        plan = EXPERIMENTS[experiment](request)
        recording = Recording(request.settings() | {"experiment": experiment}, -1, 1)
        value, started = {}, time.monotonic()
        for value in live((recording,), recording.follow(plan.run(device)), arrange(plan.columns), face(plan)):
            if value["running"]:
                yield value
        cost.learn(model, device, *plan.cost(), time.monotonic() - started)
        yield value | {"caption": described(request)}

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


def price(prompt, negative, n, model, sampler, steps, guidance, threshold, device) -> str:
    """The cost line for the settings as they stand."""
    plan = EXPERIMENTS["samples"](PictureRequest.checked(
        prompt=prompt, negative=negative, n=n, model=model, sampler=sampler, steps=steps, guidance=guidance,
        threshold=threshold,
    ))  # fmt: skip
    calls, n = plan.cost()
    return cost.sentence(calls, round(n), cost.seconds(model, device, calls, round(n)))


def fill(request: PictureRequest) -> list:
    """A request as values of the nine inputs."""
    return [getattr(request, name) for name in PictureRequest.__dataclass_fields__]


@told
def restore(path: str) -> list:
    """The settings inside a PNG that this tab saved, back into the inputs."""
    settings = images.settings_of(path) or {}
    known = {k: settings[k] for k in PictureRequest.__dataclass_fields__ if k in settings}
    if settings.get("kind") != "picture":
        raise ValueError("This picture holds no settings of this tab; drop a PNG that was saved here.")
    return fill(PictureRequest.checked(**known))


def inputs_column(r: PictureRequest, shared: Shared) -> tuple[list, gr.Button, gr.Button, list[gr.Button]]:
    """The nine inputs in the order of the request's fields, Run, Stop, and a button per experiment."""
    prompt = Textbox(r.prompt, label="Prompt", info="What to draw; empty draws whatever comes.", lines=2, max_lines=3)
    model = Dropdown(MODEL_CHOICES, value=r.model, label="Model", render=False)
    remark_line(model, prompt)
    start, stop, line = run_row("Sample")
    n = Slider(1, MAX_PICTURES, r.n, step=1, label="Pictures", info="1 to 8, each from its own noise.")
    steps = Slider(1, 250, r.steps, step=1, label="Steps", info="1 to 250; 30 is plenty.")
    guidance = Slider(
        0,
        MAX_GUIDANCE,
        r.guidance,
        step=0.5,
        label="Guidance w",
        info="0 ignores the prompt, 1 obeys it, more insists.",
    )
    seed = seed_row(r.seed)
    gr.HTML('<div class="caption">Experiments: the same noise throughout, so only one thing changes.</div>')
    with gr.Row(elem_classes="presets"):
        experiments = [gr.Button(title, size="sm", min_width=110) for title in BUTTONS.values()]
    with gr.Accordion("More settings", open=False):
        model.render()
        negative = Textbox(r.negative, label="Negative prompt", info="Guidance leads away from it; empty for none.")
        choices = [(s.title, name) for name, s in TEXT_SAMPLERS.items()]
        sampler = Radio(choices, value=r.sampler, label="Sampler", info="DDIM adds no noise on the way, DDPM does.")
        bounds = [(title, name) for name, title in THRESHOLDS.items()]
        threshold = Radio(
            bounds, value=r.threshold, label="Threshold of the clean estimate", info="Matters at high guidance."
        )
        upload = gr.File(label="Settings from a PNG that was saved here", file_types=[".png"], height=90)
    inputs = [prompt, negative, n, model, sampler, steps, guidance, threshold, seed]
    upload.upload(restore, upload, inputs, api_name="restore_pictures", queue=False)
    tell_cost(line, price, [*inputs[:-1], shared.device])
    return inputs, start, stop, experiments


def build(shared: Shared) -> None:
    """The tab."""
    with gr.Row(elem_classes="presets"):
        presets = [(gr.Button(name, size="sm", min_width=60), request) for name, request in PRESETS.items()]
    with gr.Row():
        with gr.Column(scale=2, min_width=340):
            inputs, start, stop, experiments = inputs_column(PictureRequest(), shared)
        with gr.Column(scale=5, min_width=480):
            view = viewer("sampling-view", example("sampling"))
            with gr.Row(elem_classes="slim"):
                buttons = [gr.DownloadButton(t, interactive=False, size="sm", min_width=70) for t in FILES]
                index = Number(1, label="Picture", precision=0, min_width=80, elem_id=PICK[1:], info="click one")
                send_row(pick, [view, index], shared, ID)
            with gr.Accordion("Inside one picture: what guidance adds, step by step", open=False):
                inner = viewer("sampling-inside")
            formula_panel(formulas.SAMPLING)
            with gr.Accordion("What pocket knows", open=False):
                gr.HTML(known_words())
    kept = [view, inner, *buttons]
    wire(start, stop, runner("samples"), inputs, keep, kept, shared, "sample_pictures")
    for button, name in zip(experiments, BUTTONS, strict=True):
        wire(button, stop, runner(name), inputs, keep, kept, shared, name.replace("-", "_"))
    index.change(
        look_inside,
        [view, index],
        inner,
        js="(v, k) => [{run: v?.run}, k]",
        api_visibility="private",
        show_progress="hidden",
    )
    for button, request in presets:
        button.click(functools.partial(fill, request), None, inputs, api_visibility="private", queue=False)


if __name__ == "__main__":
    alone(TITLE, build).launch(**look())
