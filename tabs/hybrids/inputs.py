"""The inputs of the hybrids' tab: prompts and what splits them, the filter's chart, the person's own photo."""

import functools
from collections.abc import Callable

import gradio as gr

from core.checks import ModelError, Refused
from core.pictures.scenes import SCENES
from core.runs.hybrids import KERNELS, LENGTHS, READINGS, SIGMAS, SPLITS, HybridRequest
from tabs.hybrids.job import COLOURS, gains
from tabs.ui import two_readings as doubles
from tabs.ui.controls import Shared, run_row, tell_cost
from tabs.ui.inputs import Dropdown, Picture, Slider, Textbox
from tabs.ui.prompts import MODEL_CHOICES, remark_line


def fitted(split: str, own: str) -> list:
    """The prompts' labels, and which settings a split has: for three prompts, four sliders, the filter and `own`."""
    names = SPLITS[split][1]
    given = ["your photo, not this prompt" if name == own else READINGS[name] for name in names]
    labels = [f"Prompt {k}: {said} ({name})" for k, (said, name) in enumerate(zip(given, names, strict=True), 1)]
    prompts = [gr.update(label=label, visible=True) for label in labels]
    prompts += [gr.update(visible=False)] * (3 - len(names))
    blurs, moves = split in ("frequencies", "three"), split == "motion"
    shown = [blurs, split == "three", moves, moves, blurs]
    parts = [("nothing", ""), *((f"its {name} part", name) for name in names)]
    return [
        *prompts,
        *(gr.update(visible=s) for s in shown),
        gr.update(choices=parts, value=own if own in names else ""),
    ]


def plotted(split: str, sigma: float, sigma_small: float, kernel: float):
    """The chart of the filters' responses; it rests while the values make no sense, or pocket is not here."""
    try:
        r = HybridRequest.checked(prompts=["a"] * 3, split=split, sigma=sigma, sigma_small=sigma_small, kernel=kernel)
    except (Refused, ModelError):
        return gr.skip()
    return gains(r) if r.responses() else gr.skip()


def photo_input(shared: Shared, split: gr.Dropdown) -> tuple[gr.Image, gr.Dropdown]:
    """The person's own photo, and which component is taken from it; a photo that arrives gives its first one."""
    with gr.Accordion("A part of your own photo", open=False) as panel:
        photo = Picture(type="pil", image_mode=None, format="png", label="Photo", sources=["upload", "clipboard"], height=190)  # fmt: skip
        with gr.Row(elem_classes="presets"):
            for name, scene in SCENES.items():
                button = gr.Button(name, size="sm", min_width=60)
                button.click(functools.partial(scene), None, photo, api_visibility="private", queue=False)
        choices = [("nothing", ""), ("its low part", "low"), ("its high part", "high")]
        own = Dropdown(choices, value="", label="Take from the photo", info="The prompts fill in the rest.")
    shared.inbox["hybrids"] = photo, panel, []

    def arrived(picture, split, own):
        return (gr.skip(), "") if picture is None else (gr.Accordion(open=True), own or SPLITS[split][1][0])

    quiet = {"api_visibility": "private", "show_progress": "hidden"}
    change = photo.change(arrived, [photo, split, own], [panel, own], **quiet)
    change.failure(lambda: None, None, photo, **quiet)
    return photo, own


def prompt_inputs(r: HybridRequest) -> list:
    """Style, three prompts, the split and its sigma."""
    choices = [(title, name) for name, (title, _) in SPLITS.items()]
    split = Dropdown(choices, value=r.split, label="Split", info="What tells the readings apart.")
    style = doubles.style_input(r)
    prompts = [
        Textbox(text, label=f"Prompt {k}", visible=bool(text), max_lines=2)
        for k, text in enumerate([*r.prompts, ""], 1)
    ]
    info = "0.3 to 16 pixels; more leaves less to see from afar."
    return [style, *prompts, split, Slider(*SIGMAS, r.sigma, step=0.1, label="Sigma", info=info)]


def path_inputs(r: HybridRequest) -> list[gr.Slider]:
    """The smaller sigma of three parts, and the path of a motion."""
    info = "0.3 to 16 pixels, below the larger one; splits the middle from the high part."
    small = Slider(*SIGMAS, r.sigma_small, step=0.1, label="The smaller sigma", info=info, visible=r.split == "three")
    info = "2 to 32 pixels; a longer one blurs more away."
    length = Slider(*LENGTHS, r.length, step=1, label="Length of the path", info=info, visible=False)
    info = "0 to 180 degrees; 0 moves sideways, 90 up."
    return [small, length, Slider(0, 180, r.angle, step=5, label="Angle of the path", info=info, visible=False)]


def filter_panel(r: HybridRequest) -> tuple[gr.Accordion, gr.Slider, gr.LinePlot]:
    """The panel of the blur, its kernel, and the chart of what each part lets through."""
    with gr.Accordion("The filter", open=False) as panel:
        info = "3 to 63 pixels, odd; below 6 sigma it cuts the blur off, and the response ripples."
        kernel = Slider(*KERNELS, r.kernel, step=2, label="Kernel", info=info)
        plot = gr.LinePlot(
            gains(r), x="cycles per pixel", y="gain", color="part", color_map=COLOURS, height=220,
            title="What each part lets through",
        )  # fmt: skip
    return panel, kernel, plot


def inputs_column(
    r: HybridRequest, shared: Shared, restore: Callable, price: Callable
) -> tuple[list, gr.Image, gr.Button, gr.Button]:
    """The inputs in the order of `request`, the photo, Run and Stop."""
    prompts = prompt_inputs(r)
    split, sigma = prompts[4:]
    small, *path = path_inputs(r)
    model = Dropdown(MODEL_CHOICES, value=r.model, label="Model", render=False)
    start, stop, line = run_row("Make hybrids")
    remark_line(model, *prompts[:4], styled=True)
    panel, kernel, plot = filter_panel(r)
    numbers = doubles.number_inputs(r)
    photo, own = photo_input(shared, split)
    with gr.Accordion("More settings", open=False):
        model.render()
        inputs = [*prompts, *numbers, own, model, doubles.sampler_input(r), small, kernel, *path]
        doubles.upload_input(restore, inputs, "restore_hybrids")
    tell_cost(line, price, [*inputs, shared.device])
    quiet = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
    gr.on(None, fitted, [split, own], [*prompts[1:4], sigma, small, *path, panel, own], **quiet)
    gr.on(None, plotted, [split, sigma, small, kernel], plot, trigger_mode="always_last", **quiet)
    return inputs, photo, start, stop
