"""Forward & denoise: what noise does, why a blur cannot undo it, and why one step is not enough."""

import functools

import gradio as gr

from core.checks import Refused
from core.pictures import images
from core.pictures.scenes import SCENES
from core.runs.denoise import FILTERED, DenoiseRequest, Moment
from core.runs.experiments import samples
from core.runs.licence import observe
from core.runs.prompts import MAX_GUIDANCE
from core.runs.recording import Recording
from core.runs.sampling import PictureRequest
from tabs.denoise.figures import COLOURS, comparison, legend, noising, on_page, points, progress
from tabs.denoise.job import COMPARISONS, FIELDS, fill, keep, pick, price, restore, run
from tabs.ui.canvas import examples
from tabs.ui.controls import NETWORK, Shared, after, formula_panel, run_row, seed_row, send_row, tell_cost, told
from tabs.ui.examples import STATUS, example
from tabs.ui.gpu import placed
from tabs.ui.inputs import Dropdown, Picture, Radio, Slider, Textbox
from tabs.ui.job import download_row
from tabs.ui.presets import first, values
from tabs.ui.prompts import MODEL_CHOICES, remark_line
from tabs.ui.saved import settings_input
from tabs.ui.stale import hold, mark, unmark
from tabs.ui.viewer import status_line, viewer

TITLE = "Forward & denoise"
SHORT = "Denoise"
ID = "denoise"
FIGURES = "denoise-figures"
WHY = (
    "One step often beats iterative in PSNR: it is the mean of all plausible pictures, which is nearest in mean square and "
    "blurred. Iterative is one plausible picture: sharper, but not the same one."
)
TAKES_PICTURES = True
PRESETS = {
    "t = 250, 500, 750": ("Mountains", DenoiseRequest()),
    "Every fifth step from t = 690": ("Mountains", DenoiseRequest((690,))),
    "Almost nothing but noise": ("Sailboat", DenoiseRequest((800, 900, 999))),
    "An emoji that the model drew": (None, DenoiseRequest(prompt="an emoji of a penguin")),
}
"""What each shows: a scene, or none where the model draws the prompt first, and the settings."""


def begin(scene: str | None, request: DenoiseRequest) -> list:
    """A preset as values of the inputs; the chosen model stays."""
    levels, *_ = fill(request)
    return [SCENES[scene]() if scene else None, levels, *values(request, FIELDS[1:])]


@told
def make(prompt: str, model: str, seed: float, device: str = "auto"):
    """A picture of the prompt, as the model draws it by default, as the input. Stop works between steps."""
    values = vars(PictureRequest.of(model)) | {"prompt": prompt, "n": 1, "model": model, "seed": seed}
    plan = samples(PictureRequest.checked(**values))
    recording = Recording(plan.request.settings(), -1, 1)
    for _ in recording.follow(placed(plan.run, model, device, plan.cost(), (plan.request.prompt,))):
        yield gr.skip()
    for blocked in observe(recording, model):
        raise Refused(blocked)
    yield images.to_pil(recording.result[0])


def picture_input(shared: Shared) -> Picture:
    """The input that takes a picture from disk, clipboard or another tab, with the examples under it."""
    picture = Picture(
        next(iter(SCENES.values()))(), type="pil", image_mode=None, format="png", label="Picture",
        sources=["upload", "clipboard"], height=300, elem_id=f"{ID}-picture",
    )  # fmt: skip
    quiet = {"api_visibility": "private", "show_progress": "hidden"}
    squared = picture.upload(lambda p: p, picture, picture, **quiet)
    squared.failure(lambda: None, None, picture, **quiet)
    examples(picture)
    shared.inbox[ID] = picture, None, []
    return picture


def inputs_column(r: DenoiseRequest, shared: Shared) -> tuple[list, tuple[gr.Button, gr.Button, gr.Button]]:
    """The picture and the seven inputs in the order of `DenoiseRequest.checked`; the buttons Run, Stop and Draw."""
    picture = picture_input(shared)
    start, stop, line = run_row("Noise and denoise")
    values = fill(r)
    levels = Textbox(values[0], label="Timesteps t to compare at", info="1 to 5 of 1 to 999; larger is noisier.")
    prompt = Textbox(r.prompt, label="Prompt", info="What the network is told about the picture.")
    model = Dropdown(MODEL_CHOICES, value=r.model, label="Model", render=False)
    remark_line(model, prompt)
    seed = seed_row(r.seed)
    with gr.Accordion("More settings", open=False):
        model.render()
        info = "1 is none, which is enough for denoising."
        guidance = Slider(0, MAX_GUIDANCE, r.guidance, step=0.5, label="Guidance w", info=info)
        info = "Timesteps from one step to the next; the course takes 30."
        stride = Slider(5, 200, r.stride, step=5, label="Stride", info=info)
        info = "As it is, the brightness that x_t has lost counts against the filters too."
        given = [(title, name) for name, title in FILTERED.items()]
        filtered = Radio(given, value=r.filtered, label="The filters get", info=info)
        with gr.Row(elem_classes="slim"):
            new = gr.Button("Let the model draw the prompt as the picture", size="sm")
        upload = settings_input()
    inputs = [picture, levels, prompt, guidance, model, stride, seed, filtered]
    upload.upload(restore, upload, inputs, api_name="restore_denoise", show_progress="hidden")
    tell_cost(line, price, [*inputs[1:], shared.device])
    return inputs, (start, stop, new)


def outputs_column(r: DenoiseRequest, shared: Shared) -> tuple[list, list]:
    """What a run fills: three figures, the chart, its id and the status; and what is filled after it. First an example."""
    status = status_line(STATUS)
    shown, now = example(ID), Moment(len(r.visits))
    forward = gr.HTML(shown.get("forward") or on_page(noising(now)))
    compared = gr.HTML(shown.get("compared") or on_page(comparison(r, now)))
    gr.HTML(f'<div class="caption">{WHY}</div>')
    strip = gr.HTML(shown.get("steps") or on_page(progress(r, now)))
    with gr.Accordion("Inside the longest run: state, clean estimate and noise estimate, step by step", open=False):
        inner = viewer("denoise-inside", shown.get("inside"))
    view = gr.JSON(visible="hidden")
    with gr.Row(elem_classes="slim"):
        files = download_row(("PNG", "All as zip"))
        which = Dropdown([], label="Picture to send", min_width=180)
    send_row(pick, [view, which], shared, ID)
    title = "PSNR against t: higher is nearer to the clean picture"
    chart = gr.LinePlot(
        points(shown.get("chart", [])), x="t", y="PSNR in dB", color="method", color_map=COLOURS, height=280,
        colors_in_legend=[], x_lim=[0, 1000], title=title,
    )  # fmt: skip
    gr.HTML(legend())
    formula_panel("denoise")
    return [forward, compared, strip, chart, view, status], [compared, strip, chart, status, inner, which, *files]


def build(shared: Shared) -> None:
    """The tab."""
    with gr.Row(elem_classes="presets"):
        presets = [(gr.Button(name, size="sm", min_width=60), preset) for name, preset in PRESETS.items()]
    with gr.Row():
        with gr.Column(scale=2, min_width=340):
            inputs, (start, stop, new) = inputs_column(first(DenoiseRequest(), shared), shared)
        with gr.Column(scale=5, min_width=480, elem_id=FIGURES):
            outputs, kept = outputs_column(DenoiseRequest(), shared)
    view = outputs[4]
    asked = hold(start, stop, kept, FIGURES)
    mark(inputs, FIGURES)
    unmark(view, FIGURES)
    job = start.click(
        run, [*inputs, shared.device], outputs, api_name="denoise_picture", show_progress="hidden", **NETWORK
    )
    after(job, keep, view, kept, shared, asked, COMPARISONS)
    stop.click(None, None, None, cancels=[job, *drawings(inputs, new, presets, shared)], api_visibility="private")


def drawings(inputs: list, new: gr.Button, presets: list, shared: Shared) -> list:
    """Wire what fills the inputs: the presets, and the model, which draws the picture; returns the jobs that draw."""
    picture, _, prompt, _, model, _, seed, _ = inputs
    drawn = {"fn": make, "inputs": [prompt, model, seed, shared.device], "outputs": picture}
    drawn |= {"show_progress": "minimal", **NETWORK}
    jobs = [new.click(**drawn, api_name="make_picture")]
    for button, (scene, request) in presets:
        filled = button.click(
            functools.partial(begin, scene, request), None, inputs, api_visibility="private", queue=False
        )
        if scene is None:
            jobs.append(filled.then(**drawn, api_visibility="private"))
    return jobs
