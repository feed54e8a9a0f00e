"""The inputs of the sampling tab, in the order of PictureRequest's fields."""

import gradio as gr

from core.diffusion.sampler_table import TEXT_SAMPLERS
from core.diffusion.timestep_lists import TIMESTEP_LISTS
from core.runs.prompts import MAX_GUIDANCE, MAX_PICTURES, NOISIEST
from core.runs.sampling import EVEN, THRESHOLDS, PictureRequest
from tabs.ui.controls import Shared, run_row, seed_row
from tabs.ui.inputs import Dropdown, Radio, Slider, Textbox
from tabs.ui.prompts import MODEL_CHOICES, remark_line
from tabs.ui.saved import settings_input

EXPERIMENT_BUTTONS = {
    "with-and-without": "Guidance off / on",
    "guidance-sweep": "Guidance sweep",
    "when-to-guide": "When to guide",
    "step-sweep": "Step sweep",
}


def inputs_column(r: PictureRequest, shared: Shared):
    """The inputs, Run, Stop, the cost line, a button per experiment, and the place for a saved PNG."""
    prompt = Textbox(
        r.prompt, label="Prompt", info="What to draw; empty: whatever comes (pocket: photos).", lines=2, max_lines=3
    )
    model = Dropdown(
        MODEL_CHOICES, value=r.model, label="Model", info="The header says what each one needs.", render=False
    )
    start, stop, line = run_row("Sample")
    remark_line(model, prompt)
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
        experiments = [gr.Button(title, size="sm", min_width=110) for title in EXPERIMENT_BUTTONS.values()]
    with gr.Accordion("More settings", open=False):
        model.render()
        negative = Textbox(
            r.negative,
            label="Negative prompt",
            info="Guidance above 1 leads away from it; at 1 it does nothing, at 0 it is what is drawn. Empty for none.",
        )
        first, last = _stretch(r)
        sampler, timesteps, threshold, ratio, top = _details(r)
        upload = settings_input()
    inputs = [prompt, negative, n, model, sampler, steps, guidance, threshold, seed, timesteps, ratio, top, first, last]
    return inputs, start, stop, line, experiments, upload


def _stretch(r: PictureRequest) -> tuple:
    """From which timestep down to which guidance is on."""
    ends = (
        (r.guide_from, "Guide from t", "From 999 (pure noise) down to 0."),
        (r.guide_to, "Guide down to t", "From 0 (hardly any noise) up to 999."),
    )
    note = " Where guidance is off, w = 1."
    return tuple(Slider(0, NOISIEST, t, step=1, label=label, info=info + note) for t, label, info in ends)


def _details(r: PictureRequest) -> tuple:
    """Sampler, timesteps and thresholding."""
    samplers = [(s.title, name) for name, s in TEXT_SAMPLERS.items()]
    sampler = Radio(
        samplers,
        value=r.sampler,
        label="Sampler",
        info="DDIM adds no noise on the way, DDPM does; DPM-Solver++ needs 10 to 25 steps.",
    )
    lists = [("as many as steps, evenly spaced", EVEN), *((title, name) for name, title in TIMESTEP_LISTS.items())]
    timesteps = Dropdown(
        lists,
        value=r.timesteps,
        label="Timesteps",
        info="A list published with DeepFloyd IF decides the steps by itself; Step sweep is always evenly spaced.",
    )
    bounds = [(title, name) for name, title in THRESHOLDS.items()]
    threshold = Radio(
        bounds, value=r.threshold, label="Threshold of the clean estimate", info="Matters at high guidance."
    )
    ratio = Slider(
        0.5,
        1,
        r.ratio,
        step=0.005,
        label="Dynamic threshold: quantile",
        info="0.5 to 1; higher tames saturated colours more.",
    )
    top = Slider(1, 10, r.top, step=0.1, label="Dynamic threshold: largest", info="1 to 10; 1 is plain clipping.")
    return sampler, timesteps, threshold, ratio, top
