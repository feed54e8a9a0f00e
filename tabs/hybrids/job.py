"""A hybrid between the page and `core`: inputs to a request and back, and what belongs to a chosen picture."""

from collections.abc import Iterator
from dataclasses import replace

import gradio as gr
import numpy as np
import pandas as pd

from core.pictures import images
from core.pictures.figures import Words, gif
from core.runs.hybrids import FARTHEST, READINGS, HybridRequest
from core.runs.recording import Recording
from core.techniques.splits import SIGMA
from tabs.ui.job import Show, caption_of, one_saved, waiting
from tabs.ui.prompts import inside
from tabs.ui.theme import asset
from tabs.ui.two_readings import how, request_of, show, there_and_back

PICK = "#hybrids-pick"
PRESETS = {
    "Sun / spider": HybridRequest(),
    "Tomato / crab": HybridRequest(prompts=("a tomato", "a crab")),
    "Cookie / lion": HybridRequest(prompts=("a cookie", "a lion"), sigma=3.0),
    "Three-way": HybridRequest(prompts=("a sun", "a tulip", "a spider"), split="three", sigma=6.0, sigma_small=2.0),
    "Colour": HybridRequest(prompts=("a cat face", "a rainbow"), split="colour"),
    "Motion": HybridRequest(prompts=("a full moon", "a soccer ball"), split="motion", length=15),
}
SKULL, VILLAGE = "a lithograph of a skull", "an oil painting of a snowy mountain village"
OLD_MAN, CAMPFIRE = "an oil painting of an old man", "an oil painting of people around a campfire"
COURSE = {
    "Skull / waterfalls": HybridRequest(prompts=(SKULL, "a lithograph of waterfalls"), sigma=SIGMA),
    "Skull / village": HybridRequest(prompts=(SKULL, VILLAGE), sigma=SIGMA),
    "Old man / campfire": HybridRequest(prompts=(OLD_MAN, CAMPFIRE), sigma=SIGMA),
}
COLOURS = {"low": "#4f46e5", "middle": "#14b8a6", "high": "#f59e0b"}


def request(
    style, prompt_1, prompt_2, prompt_3, split, sigma, n, steps, guidance, seed, own, model, sampler, sigma_small,
    kernel, length, angle,
) -> HybridRequest:  # fmt: skip
    """The checked request behind the values of the inputs, in their order."""
    return HybridRequest.checked(
        prompts=[prompt_1, prompt_2, prompt_3], style=style, split=split, sigma=sigma, n=n, steps=steps,
        guidance=guidance, seed=seed, own=own, model=model, sampler=sampler, sigma_small=sigma_small, kernel=kernel,
        length=length, angle=angle,
    )  # fmt: skip


def fill(r: HybridRequest) -> list:
    """A request as values of the inputs."""
    prompts = [*r.prompts, "", ""][:3]
    numbers = [r.split, r.sigma, r.n, r.steps, r.guidance, r.seed]
    return [r.style, *prompts, *numbers, r.own, r.model, r.sampler, r.sigma_small, r.kernel, r.length, r.angle]


def source(r: HybridRequest, name: str) -> str:
    """Where a component comes from: its prompt, or the photo."""
    return "your photo" if name == r.own else f"“{r.prompts[r.parts.index(name)]}”"


def described(r: HybridRequest) -> str:
    """What the picture is."""
    parts = ", ".join(f"{name} {source(r, name)}" for name in r.parts)
    knob = {"colour": "", "motion": f"; {r.length} pixels at {r.angle:g}°"}.get(r.split, f"; σ = {r.sigma:g}")
    knob = f"; σ = {r.sigma:g} and {r.sigma_small:g}" if r.split == "three" else knob
    return f"{r.model}: {parts}{knob}; {how(r)}."


def titles(r: HybridRequest) -> list[str]:
    """What stands under every reading, nearest first."""
    said = [f"{READINGS[name]}: {source(r, name)}" for name in r.parts]
    left = [f"its {' and '.join(r.parts[: k + 1])} part alone, {line}" for k, line in enumerate(said[:-1])]
    return [said[-1], *reversed(left)]


def shown_as(r: HybridRequest) -> Show:
    """How its run is shown: a lane per reading."""
    return show(r, r.seen, titles(r), PICK, described(r))


def gains(r: HybridRequest) -> pd.DataFrame:
    """The filters' responses as a table for the chart."""
    rows = [(f, round(g, 4), name) for name, line in r.responses().items() for f, g in line]
    return pd.DataFrame(rows, columns=["cycles per pixel", "gain", "part"])


def distance(value: dict | None = None) -> gr.HTML:
    """The picture large and small, with a slider that steps back, and an animation; all in the page."""
    return gr.HTML(
        value=value or {},
        html_template=asset("distance.html"),
        js_on_load=asset("distance.js"),
        elem_id="hybrids-distance",
        apply_default_css=False,
    )


def seen_from(r: HybridRequest, pixels: np.ndarray) -> dict:
    """The value of `distance` for one picture."""
    first, last = r.parts[0], r.parts[-1]
    mode = r.split if r.split in ("colour", "motion") else "distance"
    near = f"{READINGS[last]}: {source(r, last)}"
    picture = images.data_uri(images.png(pixels))
    sizes = {"length": r.length, "angle": r.angle, "farthest": FARTHEST}
    return {"image": picture, "mode": mode, "near": near, "far": source(r, first)} | sizes


def chosen(recording: Recording, k: int) -> Iterator[tuple]:
    """What belongs to picture k: first near and far and the look inside, then the three files, which take longer."""
    r = request_of(HybridRequest, recording.settings)
    result = recording.result
    shown_first = seen_from(r, result[k]), inside(recording, k, gap=False)
    yield *shown_first, *waiting()
    if recording.notes is None:  # it is still under way: the files come at its end
        return
    film = there_and_back(r.receding(result[k], 17))
    caption = caption_of(recording, shown_as(replace(r, n=1, seed=r.seeds[k])), k)
    loop = gif(film, 0.08 * len(film), 0, words=Words(below=caption, size=11))
    files = one_saved(f"hybrid-{r.model}", "distance.gif", recording.settings, loop, result, r.seeds, k, caption)
    yield *shown_first, *files
