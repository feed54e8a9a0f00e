"""Visual anagrams: one picture that shows something else when it is turned, flipped or taken apart."""

import functools

import gradio as gr

from core.runs.anagrams import MAX_WEIGHT, REDUCTIONS, AnagramRequest
from core.runs.enlarging import enlarge_anagram, enlarger
from core.runs.recording import Recording
from tabs.anagrams.job import COURSE, PICK, PRESETS, chosen, fill, request, shown_as
from tabs.anagrams.legal import legal_panel, view_choices
from tabs.ui import two_readings as doubles
from tabs.ui.controls import Shared, formula_panel, run_row, send_row, tell_cost, told, wire
from tabs.ui.examples import example
from tabs.ui.inputs import Dropdown, Number, Radio, Textbox
from tabs.ui.job import Show, download_row, kept, stream
from tabs.ui.presets import first
from tabs.ui.prompts import (
    MODEL_CHOICES,
    enlarging_panel,
    fill_when_opened,
    numbered,
    pick,
    remark_line,
    wire_enlarging,
)
from tabs.ui.saved import settings_in
from tabs.ui.viewer import RUNS, viewer

TITLE = "Visual anagrams"
ID = "anagrams"


def runner(view: str | None = None):
    """The handler of a run; `view` takes the place of the second prompt's view, for a lesson."""

    @told
    def run(
        style: str, prompt_1: str, prompt_2: str, view_2: str, prompt_3: str, view_3: str, prompt_4: str, view_4: str,
        n: float, steps: float, guidance: float, seed: float, model: str, sampler: str, reduction: str, weights: str,
        view_seed: float, device: str = "auto",
    ):  # fmt: skip
        r = request(
            style, prompt_1, prompt_2, view or view_2, prompt_3, view_3, prompt_4, view_4, n, steps, guidance, seed,
            model, sampler, reduction, weights, view_seed,
        )  # fmt: skip
        yield from stream(Recording(r.settings(), -1, 1), r.run, shown_as(r), device, r.cost())

    return run


@told
def keep(view: dict):
    """After a run or Stop: the viewer with all frames, and what belongs to the first picture."""
    (recording,) = RUNS.get(view)
    value = kept(recording, shown_as(doubles.request_of(AnagramRequest, recording.settings)))
    for part in chosen(recording, 0):
        yield value, 1, *part


@told
def choose(view: dict, index: float):
    """What belongs to the picture with that number, counted from 1 row by row."""
    (recording,) = RUNS.get(view)
    yield from chosen(recording, numbered(recording, index))


@told
def larger(view: dict, index: float, device: str = "auto"):
    """The chosen picture at 256 pixels in all its views, live, by DeepFloyd's stage II, or what that would need."""
    (recording,) = RUNS.get(view)
    k, r = numbered(recording, index), doubles.request_of(AnagramRequest, recording.settings)
    pixels = recording.result[k]
    settings = recording.settings | {"enlarged": k, "enlarger": enlarger(len(pixels)), "side": 4 * len(pixels)}
    make = functools.partial(enlarge_anagram, pixels, r, r.seeds[k])
    yield from stream(Recording(settings, -1, 1), make, shown_larger(settings), device)


def shown_larger(settings: dict) -> Show:
    """How an enlarged picture is shown: a lane per view."""
    r, k, name = doubles.request_of(AnagramRequest, settings), settings["enlarged"], settings["enlarger"]
    face = {"lanes": r.titles(), "columns": 2}
    caption = f"Picture {k + 1}, enlarged by {name}; seed {r.seeds[k]}."
    return Show(lambda frames: r.seen(frames[0].x_0[0]), face, caption, name, prompts=[r.styled(p) for p in r.prompts])


@told
def restore(path: str) -> list:
    """The settings inside a PNG that this tab saved, back into the inputs."""
    return fill(doubles.request_of(AnagramRequest, settings_in(path, AnagramRequest.KIND)))


def price(*values) -> str:
    """The cost line for the settings as they stand; the last value is the device."""
    return doubles.priced(request(*values[:-1]), values[-1])


def prompt_inputs(r: AnagramRequest) -> tuple[list, gr.Accordion]:
    """Style, prompt 1, and prompt and view of 2, 3 and 4; and the panel of 3 and 4."""
    style = doubles.style_input(r)
    first = Textbox(r.prompts[0], label="Prompt 1: as it is", info="What the picture shows before it is touched.")
    inputs = [style, first]
    with gr.Row():
        inputs.append(Textbox(r.prompts[1], label="Prompt 2", info="What it shows then.", min_width=150))
        inputs.append(Dropdown(view_choices(), value=r.views[1], label="View 2", info="How to look.", min_width=130))
    with gr.Accordion("A third and a fourth reading", open=False) as more:
        for k in (3, 4):
            with gr.Row():
                inputs.append(Textbox(label=f"Prompt {k}", info="Empty for none.", min_width=150))
                choices = view_choices(none=True)
                inputs.append(Dropdown(choices, value="", label=f"View {k}", info="How to look.", min_width=130))
    return inputs, more


def inputs_column(r: AnagramRequest, shared: Shared) -> tuple[list, gr.Accordion, gr.Button, gr.Button]:
    """The inputs in the order of `request` and the panel of readings 3 and 4, which `fill` fills; Run and Stop."""
    prompts, more = prompt_inputs(r)
    model = Dropdown(MODEL_CHOICES, value=r.model, label="Model", render=False)
    start, stop, line = run_row("Make anagrams")
    remark_line(model, *(p for p in prompts if isinstance(p, Textbox)), styled=True)
    numbers = doubles.number_inputs(r)
    with gr.Accordion("More settings", open=False):
        model.render()
        sampler = doubles.sampler_input(r)
        choices = [(title, name) for name, title in REDUCTIONS.items()]
        info = "The mean asks about all views at every step; taking turns about one: cheaper, rougher."
        reduction = Radio(choices, value=r.reduction, label="How the views are joined", info=info)
        info = f"One number from 0 to {MAX_WEIGHT:g} per view, such as 1, 0.5; more shows that view more. Empty: alike."
        weights = Textbox("", label="Weights of the views", info=info)
        info = "Shuffles the patches, pixels and jigsaw anew; 0 to 2147483647."
        view_seed = Number(r.view_seed, label="Seed of the views", precision=0, info=info)
        inputs = [*prompts, *numbers, model, sampler, reduction, weights, view_seed]
        doubles.upload_input(restore, [*inputs, more], "restore_anagrams")
    tell_cost(line, price, [*inputs, shared.device])
    return inputs, more, start, stop


def build(shared: Shared) -> None:
    """The tab."""
    with gr.Row(elem_classes="presets"):
        presets = [
            (gr.Button(name, size="sm", min_width=120), r) for name, r in doubles.presets(PRESETS, COURSE).items()
        ]
    with gr.Row():
        with gr.Column(scale=2, min_width=340):
            inputs, more, start, stop = inputs_column(first(AnagramRequest(), shared), shared)
        with gr.Column(scale=5, min_width=480):
            view = viewer("anagrams-view", example("anagrams"))
            with gr.Row(elem_classes="slim"):
                index = Number(
                    1, label="Picture number", precision=0, min_width=80, elem_id=PICK[1:], info="or click one"
                )
                one = gr.Button("Keep only this one", size="sm", min_width=130)
                buttons = download_row()
            send_row(pick, [view, index], shared, ID)
            with gr.Accordion("The chosen picture, turning: press play", open=True):
                motion = viewer("anagrams-motion", example("anagrams-motion"))
            bigger, big, file, _ = enlarging_panel("in all its views", "anagrams-big")
            with gr.Accordion("Inside the chosen picture: the noise that each view sees", open=False) as panel:
                inner = viewer("anagrams-inside")
            lessons = legal_panel(inputs[-1])
            formula_panel("anagrams")
    of_one = [motion, inner, *buttons]
    wire(start, stop, runner(), inputs, keep, [view, index, *of_one], shared, "make_anagrams")
    for button, name in zip(lessons, ("blur", "white_balance"), strict=True):
        wire(button, stop, runner(name), inputs, keep, [view, index, *of_one], shared, f"anagrams_through_{name}")
    wire_enlarging(bigger, stop, larger, [view, index], shown_larger, [big, file], shared)
    doubles.wire_choice(index, view, choose, of_one)
    fill_when_opened(panel, choose, view, index, of_one)
    doubles.wire_only(one, AnagramRequest, view, index, inputs[11], inputs[8])
    for button, r in presets:
        button.click(functools.partial(fill, r), None, [*inputs, more], api_visibility="private", queue=False)
