"""An anagram between the page and `core`: inputs to a request and back, and what belongs to a chosen picture."""

from collections.abc import Iterator
from dataclasses import replace

import gradio as gr
import numpy as np

from core.pictures import images
from core.pictures.figures import Words, gif
from core.runs.anagrams import AnagramRequest
from core.runs.recording import Recording
from tabs.ui.job import Show, caption_of, one_saved, waiting
from tabs.ui.prompts import inside
from tabs.ui.two_readings import how, request_of, show, there_and_back
from tabs.ui.viewer import shown

PICK = "#anagrams-pick"
PRESETS = {
    "Trophy / bell": AnagramRequest(),
    "Skull / light bulb": AnagramRequest(prompts=("a skull", "a light bulb")),
    "Anchor / umbrella": AnagramRequest(prompts=("an anchor", "an umbrella")),
    "Tree / apple": AnagramRequest(prompts=("an evergreen tree", "a green apple")),
    "Ghost / tulip": AnagramRequest(prompts=("a ghost", "a tulip")),
    "Jigsaw": AnagramRequest(prompts=("a red heart", "a rose"), views=("identity", "jigsaw")),
    "Negative": AnagramRequest(prompts=("a blue heart", "an orange heart"), views=("identity", "negate")),
    "Three at once": AnagramRequest(
        prompts=("a trophy", "a bell", "a tropical fish"), views=("identity", "flip", "rotate_90")
    ),
}
VILLAGE = "an oil painting of a snowy mountain village"
COURSE = {
    "Campfire / old man": AnagramRequest(
        prompts=("an oil painting of people around a campfire", "an oil painting of an old man")
    ),
    "Village / barista": AnagramRequest(prompts=(VILLAGE, "a photo of a hipster barista")),
    "Village / coast": AnagramRequest(prompts=(VILLAGE, "a photo of the amalfi cost")),  # as the course spells it
}


def request(
    style, prompt_1, prompt_2, view_2, prompt_3, view_3, prompt_4, view_4, n, steps, guidance, seed, model, sampler,
    reduction, weights, view_seed,
) -> AnagramRequest:  # fmt: skip
    """The checked request behind the values of the inputs, in their order."""
    prompts, views = [prompt_1, prompt_2, prompt_3, prompt_4], ["identity", view_2, view_3, view_4]
    return AnagramRequest.checked(
        prompts=prompts, views=views, style=style, n=n, steps=steps, guidance=guidance, seed=seed, model=model,
        sampler=sampler, reduction=reduction, weights=weights, view_seed=view_seed,
    )  # fmt: skip


def fill(r: AnagramRequest) -> list:
    """A request as values of the inputs; and the panel of readings 3 and 4, open where there are any."""
    pairs = [*zip(r.prompts, r.views, strict=True), ("", ""), ("", "")][:4]
    rows = [value for pair in pairs for value in pair]
    weights = ", ".join(f"{w:g}" for w in r.weights)
    numbers = [r.n, r.steps, r.guidance, r.seed]
    return [
        r.style,
        rows[0],
        *rows[2:],
        *numbers,
        r.model,
        r.sampler,
        r.reduction,
        weights,
        r.view_seed,
        gr.Accordion(open=len(r.prompts) > 2),
    ]


def readings(r: AnagramRequest):
    """Turns pictures (B, H, W, C) into their views, one (B, H, W, C) each."""
    return lambda pixels: [np.stack(lane) for lane in zip(*map(r.seen, pixels), strict=True)]


def described(r: AnagramRequest) -> str:
    """What the picture is."""
    titles = "; ".join(f"{v.title.lower()} “{p}”" for v, p in zip(r.seen_through, r.prompts, strict=True))
    joined = "" if r.reduction == "mean" else "; one view per step"
    illegal = "; a view that is not legal" if not all(v.legal for v in r.seen_through) else ""
    return f"{r.model}: {titles}; {how(r)}{joined}{illegal}."


def shown_as(r: AnagramRequest) -> Show:
    """How its run is shown: a lane per view."""
    return show(r, readings(r), r.titles(), PICK, described(r))


def turning(r: AnagramRequest, pixels: np.ndarray, k: int) -> dict:
    """The chosen picture in all its views, and in motion between them, for a viewer that plays to and fro."""
    still, moves = [shown(p) for p in r.seen(pixels)], r.turning(pixels)
    frames = []
    for j, moment in enumerate(zip(*moves, strict=True)):
        way = j / (len(moves[0]) - 1)
        label = {0: "as it is", 1: "in the other view"}.get(way, f"{100 * way:.0f} % of the way")
        frames.append({"images": still + [shown(p) for p in moment], "label": label})
    lanes = r.titles() + [f"in motion: {v.title.lower()}" for v in r.seen_through[1:]]
    status = f"picture {k + 1} · seed {r.seeds[k]}"
    around = {"lanes": lanes, "columns": max(3, len(still)), "grid": {"columns": 1, "count": 1}}
    return around | {"frames": frames, "status": status, "back": True}


def chosen(recording: Recording, k: int) -> Iterator[tuple]:
    """What belongs to picture k: first its views in motion and the look inside, then the three files, which take longer."""
    r = request_of(AnagramRequest, recording.settings)
    result = recording.result
    shown_first = turning(r, result[k], k), inside(recording, k)
    yield *shown_first, *waiting()
    if recording.notes is None:  # it is still under way: the files come at its end
        return
    rows = [images.grid(np.stack(r.seen(p)), len(r.views)) for p in result]
    films = [f for move in r.turning(result[k]) for f in there_and_back(move)]
    caption = caption_of(recording, shown_as(replace(r, n=1, seed=r.seeds[k])), k)
    loop = gif(films, 0.08 * len(films), 0, words=Words(below=caption, size=11))
    files = one_saved(f"anagram-{r.model}", "turning.gif", recording.settings, loop, rows, r.seeds, k, caption)
    yield *shown_first, *files
