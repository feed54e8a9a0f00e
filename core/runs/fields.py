"""The fields that the requests of text-to-image tabs share, with their ranges and words."""

from dataclasses import replace

from core.checks import Refused, whole
from core.diffusion.guidance import THRESHOLDS
from core.diffusion.sampler_table import TEXT_SAMPLERS
from core.diffusion.timestep_lists import TIMESTEP_LISTS
from core.runs.prompts import MAX_GUIDANCE, MAX_PICTURES, NOISIEST, prompts_of
from core.runs.request import Choice, Model, Prompt, Real, Seed, Steps, Text, Whole

EVEN = "even"
"""Evenly spaced timesteps, one per step."""


def counts_of(text: object, columns: int, longest: int) -> tuple[int, ...]:
    """2 to `columns` different numbers of steps, each 1 to `longest`, in order, from comma-separated text. Raises Refused."""
    parts = [p for p in text.replace(";", ",").split(",") if p.strip()] if isinstance(text, str) else []
    if not 2 <= len(parts) <= columns:
        raise Refused(f"Give 2 to {columns} numbers of steps, separated by commas, such as 5, 10, 20, 50.")
    counts = sorted({whole(p, 1, longest, "Every number of steps") for p in parts})
    if len(counts) < len(parts):
        raise Refused("Every number of steps may be given only once.")
    return tuple(counts)


PROMPT = Prompt("Prompt", "What to draw; may be empty.")
NEGATIVE = Prompt(
    "Negative prompt",
    "Guidance above 1 leads away from it; at 1 it does nothing, at 0 it is what is drawn. Empty for none.",
)
MODEL = Model("Model", "The header says what each one needs.")
OR_STUDENT = replace(MODEL, few=True)
SAMPLER = Choice(
    "Sampler",
    "DDIM adds no noise on the way. DDPM does: each step is drawn from the posterior, over several timesteps at once. "
    "DPM-Solver++ needs 10 to 25 steps.",
    options={name: sampler.title for name, sampler in TEXT_SAMPLERS.items()},
)
STEPS = Steps("Steps", "1 to 250; 30 is plenty.", low=1, high=250, table=TEXT_SAMPLERS)
SWEPT, SWEPT_PROMPTS, LONGEST = 9, 3, 250
"""The most columns and rows of a sweep over steps, and its longest run."""
SWEEP_STEPS = Text(
    "Sweep: steps",
    f"2 to {SWEPT} of 1 to {LONGEST}: a column each.",
    "The numbers of steps of the sweep",
    read=lambda text: ", ".join(map(str, counts_of(text, SWEPT, LONGEST))),
    partial=True,
)
SWEEP_PROMPTS = Text(
    "Sweep: prompts",
    f"1 to {SWEPT_PROMPTS}, one per line: a row each. Empty: the prompt above.",
    "The prompts of the sweep",
    read=lambda text: "\n".join(prompts_of(text, SWEPT_PROMPTS)),
    lines=2,
    partial=True,
)
TIMESTEPS = Choice(
    "Timesteps",
    "A list published with DeepFloyd IF decides the steps by itself; Step sweep is always evenly spaced.",
    options={EVEN: "as many as steps, evenly spaced"} | TIMESTEP_LISTS,
    listed=True,
)
PICTURES = Whole("Pictures", "1 to 8, each from its own noise.", "The number of pictures", low=1, high=MAX_PICTURES)
SEED = Seed()
GUIDANCE = Real(
    "Guidance w",
    "0 to 20: 0 ignores the prompt, 1 obeys it, more insists.",
    "The guidance",
    high=MAX_GUIDANCE,
    step=0.5,
)
OFF = " Where guidance is off, w = 1."
GUIDE_FROM = Whole(
    "Guide from t", "From 999 (pure noise) down to 0." + OFF, "The timestep from which guidance is on", high=NOISIEST
)
GUIDE_TO = Whole(
    "Guide down to t",
    "From 0 (hardly any noise) up to 999." + OFF,
    "The timestep down to which guidance is on",
    high=NOISIEST,
)
THRESHOLD = Choice("Threshold of the clean estimate", "Matters at high guidance.", "The threshold", options=THRESHOLDS)
QUANTILE = Real(
    "Dynamic threshold: quantile",
    "0.5 to 1; higher tames saturated colours more.",
    "The quantile of the dynamic threshold",
    low=0.5,
    high=1,
    step=0.005,
)
LARGEST = Real(
    "Dynamic threshold: largest", "1 to 10; 1 is plain clipping.", "The largest dynamic threshold", low=1, high=10
)
