"""SDEdit: your picture, noised to several strengths and drawn again, as one labelled row."""

import functools

import gradio as gr

from core.diffusion.sampler_table import ETAS, TEXT_SAMPLERS
from core.pictures.scenes import SCENES
from core.runs.prompts import MAX_GUIDANCE
from core.runs.sdedit import LADDERS, MAX_ROWS, SDEditRequest
from tabs.sdedit.job import BUTTONS, FIELDS, PICK, keep, look_at, price, runner
from tabs.ui.canvas import COLOURS, canvas, examples, paper, static
from tabs.ui.controls import Shared, formula_panel, run_row, seed_row, send_row, tell_cost, told, wire
from tabs.ui.examples import example
from tabs.ui.inputs import Dropdown, Number, Radio, Slider, Textbox
from tabs.ui.job import download_row
from tabs.ui.presets import first, values
from tabs.ui.presets import presets as offered
from tabs.ui.prompts import MODEL_CHOICES, fill_when_opened, pick, remark_line
from tabs.ui.saved import settings_in, settings_input, unpacked
from tabs.ui.viewer import RUN_ONLY, viewer

TITLE = "SDEdit"
ID = "sdedit"
TAKES_PICTURES = True
SCENE = "Apple"
BOATS = "an emoji of a tent\nan emoji of a sailboat\nan emoji of a ship"
PEAKS = "an emoji of a volcano\nan emoji of mount fuji\nan emoji of a castle"
PHOTOS = "a photo of a seashore\na photo of a lakeside\na photo of an alp"
PRESETS = {
    "A sketch becomes an apple": ("Apple", SDEditRequest()),
    "A boat becomes a tent": ("Sailboat", SDEditRequest("an emoji of a tent", 4, prompts=BOATS)),
    "Mountains become a volcano": ("Mountains", SDEditRequest("an emoji of a volcano", 1.5, prompts=PEAKS)),
    "Mountains become a lakeside": ("Mountains", SDEditRequest("a photo of a lakeside", prompts=PHOTOS)),
    "No prompt": ("Mountains", SDEditRequest("", n=2, prompts=PEAKS)),
}
COURSE = {
    "To a natural photo": ("Mountains", SDEditRequest("a high quality photo", sampler="ddpm")),
    "To a rocket ship": ("Mountains", SDEditRequest("a rocket ship", sampler="ddpm")),
}


def fill(scene: str, request: SDEditRequest) -> list:
    """A scene and a request as values of the canvas and the inputs."""
    return [SCENES[scene](), *values(request, FIELDS)]


@told
def restore(path: str) -> list:
    """The picture and the settings inside a PNG that this tab saved, back into the tab."""
    settings = settings_in(path, "sdedit")
    request = SDEditRequest.checked(**{k: settings[k] for k in FIELDS if k in settings})
    return [unpacked(settings.get("original")), *(getattr(request, name) for name in FIELDS)]


def inputs_column(r: SDEditRequest, shared: Shared) -> tuple[list, gr.Button, gr.Button, list[gr.Button]]:
    """The canvas and the eight inputs in the order of the request's fields, Run, Stop, and a button per experiment."""
    brush = gr.Brush(default_size=14, colors=list(COLOURS), default_color=COLOURS[3])
    picture = canvas("sdedit-canvas", "Picture", brush, 20, SCENES[SCENE](), 340)
    examples(picture, {"White": paper, "Noise": static})
    prompt = Textbox(r.prompt, label="Prompt", info="What it should become; may be empty.")
    model = Dropdown(MODEL_CHOICES, value=r.model, label="Model", render=False)
    start, stop, line = run_row("Run the ladder")
    remark_line(model, prompt)
    starts = Textbox(r.starts, label="Starts i", info="1 to 8 of 0 to 33; larger keeps more of your picture.")
    guidance = Slider(
        0, MAX_GUIDANCE, r.guidance, step=0.5, label="Guidance w", info="0 to 20: 0 ignores the prompt, more insists."
    )
    n = Slider(1, MAX_ROWS, r.n, step=1, label="Seeds", info="1 to 4 rows, each from its own noise.")
    seed = seed_row(r.seed)
    gr.HTML('<div class="caption">Experiments: the same noise in every row, so only the prompt changes.</div>')
    with gr.Row(elem_classes="presets"):
        experiments = [gr.Button(title, size="sm", min_width=110) for title in BUTTONS.values()]
    prompts = Textbox(
        r.prompts, label="Several prompts", info="1 to 4, one per line: a row each.", lines=3, max_lines=4
    )
    with gr.Accordion("More settings", open=False):
        model.render()
        choices = [(TEXT_SAMPLERS[name].title, name) for name in ETAS]
        sampler = Radio(choices, value=r.sampler, label="Sampler", info="DDIM adds no noise on the way, DDPM does.")
        upload = settings_input()
    inputs = [picture, prompt, guidance, starts, n, prompts, model, sampler, seed]
    upload.upload(restore, upload, inputs, api_name="restore_sdedit", show_progress="hidden")
    tell_cost(line, price, [*inputs[1:-1], shared.device])
    shared.inbox[ID] = picture, None, [prompt, prompts]
    return inputs, start, stop, experiments


def build(shared: Shared) -> None:
    """The tab."""
    with gr.Row(elem_classes="presets"):
        presets = [
            (gr.Button(name, size="sm", min_width=60), preset) for name, preset in offered(PRESETS, COURSE).items()
        ]
    with gr.Row():
        with gr.Column(scale=2, min_width=340):
            inputs, start, stop, experiments = inputs_column(first(SDEditRequest(), shared), shared)
        with gr.Column(scale=5, min_width=480):
            view = viewer("sdedit-view", example("sdedit"))
            with gr.Row(elem_classes="slim"):
                buttons = download_row()
                index = Number(
                    1, label="Picture number", precision=0, min_width=80, elem_id=PICK[1:], info="or click one"
                )
            send_row(pick, [view, index], shared, ID)
            with gr.Accordion("One rung, enlarged: step by step", open=False) as panel:
                inner = viewer("sdedit-rung")
            formula_panel("sdedit")
    kept = [view, index, inner, *buttons]
    for button, name in zip([start, *experiments], LADDERS, strict=True):
        wire(button, stop, runner(name), inputs, keep, kept, shared, f"sdedit_{name}".replace("-", "_"))
    index.input(look_at, [view, index], [inner, panel], js=RUN_ONLY, api_visibility="private", show_progress="hidden")
    fill_when_opened(panel, look_at, view, index, [inner, panel])
    for button, preset in presets:
        button.click(functools.partial(fill, *preset), None, inputs, api_visibility="private", queue=False)
