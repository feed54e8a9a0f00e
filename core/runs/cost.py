"""The expected time of a run, seconds = calls (base + images per_image), from measured calls and past runs."""

import time

import torch

from core.diffusion.denoiser import NETWORK_LOCK, Denoiser
from core.diffusion.guidance import halves
from core.locks import new_lock
from core.models.device import pick_device
from core.models.registry import borrows, load, spec
from core.runs.plan import Plan

_lines: dict[tuple[str, str], tuple[float, float]] = {}
_measuring = new_lock()  # a page asks for all its cost lines at once: one measures, the others wait for the result


def _line(name: str, device: str) -> tuple[float, float]:
    """(base, per_image) seconds of one network call, measured on first use."""
    with _measuring:
        if (name, device) not in _lines:
            _lines[name, device] = _measured(load(name, device))
        return _lines[name, device]


def _measured(model: Denoiser) -> tuple[float, float]:
    """(base, per_image) from calls on 1 and on 20 images, each the best of three; the first one warms up."""
    few, many = (min(_timed(model, n) for _ in range(3)) for n in (1, 20))
    per_image = max(many - few, 0) / 19
    return max(few - per_image, 0), per_image


@torch.no_grad()
def _timed(model: Denoiser, n: int) -> float:
    """Seconds of one network call on n images, without the wait for the lock."""
    x, t = torch.zeros(n, *model.shape, device=model.device), torch.zeros(n, device=model.device)
    cond = model.encode([None] * n)
    with NETWORK_LOCK:
        started = time.perf_counter()
        getattr(model, "call", model.net)(x, t, cond).cpu()  # the copy waits for the device
        return time.perf_counter() - started


_correction: dict[tuple[str, str], float] = {}


def _key(name: str, device: str) -> tuple[str, str]:
    return name, "lent" if borrows(name, device) else str(pick_device(device))


def seconds(name: str, device: str, calls: int, images: float) -> float:
    """Expected seconds of `calls` network calls of the named model on `images` images each, on average."""
    key, model = _key(name, device), spec(name)
    base, per_image = model.source.assumed(model, key[1]) or _line(*key)
    return _correction.get(key, 1.0) * calls * (base + images * per_image)


def learn(name: str, device: str, calls: int, images: int, took: float) -> None:
    """Correct the expected time of the next run by a finished one that took `took` seconds."""
    key = _key(name, device)
    ratio = took / max(seconds(name, device, calls, images), 1e-3)
    _correction[key] = _correction.get(key, 1.0) * min(max(ratio, 0.2), 5.0) ** 0.5


def sentence(
    calls: int, images: int, expected: float, guidance: float = 1.0, negative: bool = False, partly: bool = False
) -> str:
    """The cost line: "30 network calls on 8 images each (with and without the prompt), about 3 s".

    Args:
        negative: whether a negative prompt takes the place of "no condition".
        partly: whether guidance is on only in an interval; `images` is then that of a call outside it.
    """
    many = f"{calls} network call{'s' * (calls != 1)} on {images} image{'s' * (images != 1)}"
    both = "with the prompt and with the negative one" if negative else "with and without the prompt"
    twice = f" ({both})" * (halves(guidance) == 2)
    if partly and guidance != 1:
        twice = f", on {2 * images} where guidance is on ({both})"
    return f"{many}{' each' * (calls != 1)}{twice}, {about(expected)}"


def line(plan: Plan, device: str) -> str:
    """The cost line of a plan."""
    calls, images = plan.cost()
    if plan.work:
        return f"{plan.work}, {brief(plan, device)}{plan.remark}"
    words = {"images": round(images)} | plan.guiding
    return sentence(calls, expected=expected(plan, device), **words) + plan.remark


def brief(plan: Plan, device: str) -> str:
    """The expected time of a plan alone: "about 3 s"."""
    return about(expected(plan, device))


def expected(plan: Plan, device: str) -> float:
    """The expected seconds of a plan."""
    return seconds(plan.model, device, *plan.cost())


def about(seconds: float) -> str:
    """The seconds in words: "about 3 s"."""
    return f"about {seconds:.0f} s" if seconds >= 1.5 else f"about {max(seconds, 0.1):.1f} s"
