"""Inpainting: paint over a part of a picture, and a network fills it so that it fits the rest."""

import functools

import gradio as gr

from core.pictures import masks
from core.pictures.scenes import SCENES
from core.runs.inpainting import FILLINGS, MAX_FEATHER, MAX_JUMP, MAX_PASSES, MAX_STEPS, InpaintRequest, T
from core.runs.prompts import MAX_GUIDANCE
from core.runs.sdedit import MAX_ROWS
from tabs.inpainting.job import ACROSS, BUTTONS, FIELDS, PICK, keep, look_at, path, pick, price, runner
from tabs.inpainting.mask import INK, mask_rows, preview, repainted
from tabs.ui.canvas import canvas, examples
from tabs.ui.controls import Shared, formula_panel, run_row, seed_row, send_row, tell_cost, told, wire
from tabs.ui.examples import example
from tabs.ui.inputs import Dropdown, Number, Slider, Textbox
from tabs.ui.job import download_row
from tabs.ui.presets import first, values
from tabs.ui.presets import presets as offered
from tabs.ui.prompts import MODEL_CHOICES, fill_when_opened, remark_line
from tabs.ui.saved import settings_in, settings_input, unpacked
from tabs.ui.viewer import RUN_ONLY, viewer

TITLE = "Inpainting"
ID = "inpainting"
TAKES_PICTURES = True
NOTE = (
    "RePaint noises the known pixels to the level just reached; clean paste keeps them free of noise, so the network "
    "sees two noise levels under one t. Which looks better varies with picture, hole and seed."
)
START = "Apple", "top"
PRESETS = {
    "Another top": (*START, InpaintRequest()),
    "Half a strawberry": (*START, InpaintRequest("an emoji of a strawberry")),
    "Another sky": ("Mountains", "top", InpaintRequest("a photo of a seashore")),
    "Repair holes": ("Mountains", "holes", InpaintRequest("a photo of a cliff", 2)),
    "No prompt": ("Mountains", "centre", InpaintRequest("")),
}
COURSE = {"A new sky, photographed": ("Mountains", "top", InpaintRequest("a high quality photo", jump_n=1))}


def begin(scene: str, mask: str) -> dict:
    """A scene with a preset mask, as the editor's value."""
    return repainted(SCENES[scene](), masks.PRESETS[mask][1]())


def fill(scene: str, mask: str, request: InpaintRequest) -> list:
    """A scene, a mask and a request as values of the canvas and the inputs."""
    return [begin(scene, mask), *values(request, FIELDS)]


@told
def restore(file: str) -> list:
    """The picture, the mask and the settings inside a PNG that this tab saved, back into the tab."""
    s = settings_in(file, "inpainting")
    request = InpaintRequest.checked(**{k: s[k] for k in FIELDS if k in s})
    value = repainted(unpacked(s.get("original")), masks.mask_of(unpacked(s.get("mask"))))
    return [value, *(getattr(request, name) for name in FIELDS)]


def mask_canvas() -> gr.ImageEditor:
    """The picture to paint the mask on, with the buttons for the mask under it."""
    ink = "#{:02x}{:02x}{:02x}".format(*INK)
    brush = gr.Brush(default_size=28, colors=[ink], default_color=ink, color_mode="fixed")
    picture = canvas("inpainting-canvas", "Paint the mask", brush, 28, begin(*START), 310)
    mask_rows(picture)
    return picture


def first_settings(r: InpaintRequest) -> dict[str, gr.components.Component]:
    """The settings that are tried first, by the request's fields."""
    return {
        "jump_n": Slider(
            1, MAX_PASSES, r.jump_n, step=1, label="Resampling n", info="1 to 10: passes over each stretch but the first; 1 is none."
        ),
        "guidance": Slider(
            0, MAX_GUIDANCE, r.guidance, step=0.5, label="Guidance w", info="0 to 20: 0 ignores the prompt, more insists."
        ),
        "n": Slider(1, MAX_ROWS, r.n, step=1, label="Seeds", info="1 to 4 rows, each from its own noise."),
        "feather": Slider(
            0, MAX_FEATHER, r.feather, step=1, label="Feather", info="0 to 8 pixels of soft edge round the mask."
        ),
        "seed": seed_row(r.seed),
    }  # fmt: skip


def more_settings(r: InpaintRequest) -> dict[str, gr.components.Component]:
    """The settings that are rarely touched, by the request's fields."""
    return {
        "steps": Slider(
            1, MAX_STEPS, r.steps, step=1, label="Steps", info="1 to 250 timesteps; 30 is plenty, the paper has 250."
        ),
        "jump_length": Slider(
            1, MAX_JUMP, r.jump_length, step=1, label="Jump length j",
            info="1 to 50 steps up at a time; longer changes more.",
        ),
        "below": Slider(
            0, T, r.below, step=50, label="Resampling starts at t",
            info="0 to 1000: only at or below it; 1000 is all the way.",
        ),
    }  # fmt: skip


def experiment_row() -> list[gr.Button]:
    """A button per experiment beyond the plain run."""
    gr.HTML(f'<div class="caption">Experiments, from the same noise. {NOTE}</div>')
    with gr.Row(elem_classes="presets"):
        return [gr.Button(title, size="sm", min_width=110) for title in BUTTONS.values()]


def inputs_column(r: InpaintRequest, shared: Shared) -> tuple[list, gr.Button, gr.Button, list[gr.Button]]:
    """The canvas and the ten inputs in the order of the request's fields, Run, Stop, and a button per experiment."""
    picture = mask_canvas()
    prompt = Textbox(r.prompt, label="Prompt", info="What the whole picture shows; may be empty.")
    model = Dropdown(MODEL_CHOICES, value=r.model, label="Model", render=False)
    start, stop, line = run_row("Fill the hole")
    remark_line(model, prompt)
    used = gr.HTML(elem_id="mask-used")
    examples(picture)
    fields = {"prompt": prompt, "model": model} | first_settings(r)
    experiments = experiment_row()
    with gr.Accordion("More settings", open=False):
        model.render()
        fields |= more_settings(r)
        upload = settings_input()
    inputs = [picture, *(fields[name] for name in FIELDS)]
    upload.upload(restore, upload, inputs, api_name="restore_inpainting", show_progress="hidden")
    tell_cost(line, price, [*inputs[1:-1], shared.device])
    gr.on(
        [picture.input, picture.change, fields["feather"].change], preview, [picture, fields["feather"]], used,
        api_visibility="private", queue=False, show_progress="hidden", trigger_mode="always_last",
    )  # fmt: skip
    shared.inbox[ID] = picture, None, [prompt]
    return inputs, start, stop, experiments


def build(shared: Shared) -> None:
    """The tab."""
    with gr.Row(elem_classes="presets"):
        presets = [
            (gr.Button(name, size="sm", min_width=60), preset) for name, preset in offered(PRESETS, COURSE).items()
        ]
    with gr.Row():
        with gr.Column(scale=2, min_width=340):
            inputs, start, stop, experiments = inputs_column(first(InpaintRequest(), shared), shared)
        with gr.Column(scale=5, min_width=480):
            view = viewer("inpainting-view", example("inpainting"))
            with gr.Row(elem_classes="slim"):
                buttons = download_row()
                index = Number(
                    len(ACROSS),
                    label="Picture number",
                    precision=0,
                    min_width=80,
                    elem_id=PICK[1:],
                    info="or click one",
                )
            send_row(pick, [view, index], shared, ID)
            with gr.Accordion("One filling, enlarged: step by step", open=False) as panel:
                inner = viewer("inpainting-row")
            zigzag = gr.LinePlot(x="transition", y="t", height=220, title="The path of timesteps")
            length = gr.HTML()
            formula_panel("inpainting")
    kept = [view, index, inner, *buttons]
    for button, name in zip([start, *experiments], FILLINGS, strict=True):
        wire(button, stop, runner(name), inputs, keep, kept, shared, f"inpaint_{name}".replace("-", "_"))
    index.input(look_at, [view, index], [inner, panel], js=RUN_ONLY, api_visibility="private", show_progress="hidden")
    fill_when_opened(panel, look_at, view, index, [inner, panel])
    gr.on(
        None,
        path,
        inputs[4:8],
        [zigzag, length],
        api_visibility="private",
        queue=False,
        show_progress="hidden",
        trigger_mode="always_last",
    )
    for button, preset in presets:
        button.click(functools.partial(fill, *preset), None, inputs, api_visibility="private", queue=False)
