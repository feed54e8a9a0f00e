"""The look inside one picture of a run: x_t, the clean estimate and its noise estimates, step by step."""

from collections.abc import Mapping

import numpy as np

from core.checks import Refused
from core.runs.frame import Frame
from core.runs.recording import Recording
from tabs.ui.viewer import as_uri, timestep

HALVES = ("unconditional", "conditional")
GUIDED = ["noise estimate without the prompt", "noise estimate with the prompt", "their difference, contrast × 4"]
AWAY = "noise estimate with the negative prompt"
OFF = "; where guidance was off, the network was asked once, with the prompt, and both estimates are that one"


def inside(recording: Recording, k: int, gap: bool = True) -> dict:
    """One picture of a run through all its kept steps, as a viewer's value.

    Args:
        gap: whether the difference of two noise estimates is shown too.
    """
    plan, halves = recording.plan, tuple(recording.frames[0].parts) == HALVES
    noises_titled = noise_titles(tuple(recording.frames[0].parts), gap, bool(plan.guiding.get("negative")))
    titles = [*plan.inner_titles(k), *noises_titled]
    frames, noises = [], next((f.parts for f in recording.frames if f.parts), {})
    for frame in recording.own(k):
        noises = frame.parts or noises  # a step up and the result have none: keep those of the step before
        frames.append({"images": [as_uri(p) for p in row(frame, noises, k, gap)], "label": timestep(plan, frame)})
    return {
        "lanes": titles,
        "columns": len(titles),
        "frames": frames,
        "status": f"picture {k + 1}" + OFF * (halves and plan.guidance_is_off_at_times(k)),
        "grid": {"columns": 1, "count": 1},
    }


def noise_titles(parts: tuple[str, ...], gap: bool, negative: bool = False) -> list[str]:
    """The titles of the noise estimates of `inside`: the halves of guidance, or a technique's parts.

    Args:
        negative: whether a negative prompt takes the place of "no condition".
    """
    if parts == HALVES:
        titles = [AWAY if negative else GUIDED[0], GUIDED[1]]
    else:
        titles = [f"noise estimate: {name}" if name else "noise estimate" for name in parts]
    return titles + GUIDED[2:] * (gap and len(parts) == 2)


def row(frame: Frame, parts: Mapping[str, np.ndarray], k: int, gap: bool) -> list[np.ndarray]:
    """The pictures of one frame of `inside`, (H, W, C) uint8 each."""
    noises = [part[k] for part in parts.values()]
    if gap and len(noises) == 2:
        difference = noises[1].astype(np.int16) - noises[0]
        noises.append((128 + 4 * difference).clip(0, 255).astype(np.uint8))
    return [frame.x_t[k], frame.x_0[k], *noises]


def numbered(recording: Recording, index: object, count: int | None = None) -> int:
    """The index of a picture number, counted from 1. Raises Refused if there is no such picture or all are withheld.

    Args:
        count: the number of pictures; by default that of the result.
    """
    made = len(recording.result)
    count = made if count is None else count
    if not isinstance(index, (int, float)) or isinstance(index, bool) or not 1 <= index <= count:
        only = "There is one picture now: it has number 1."
        raise Refused(only if count == 1 else f"Choose a picture from 1 to {count}, counted row by row.")
    return int(index) - 1
