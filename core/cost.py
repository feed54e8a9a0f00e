"""What a run will take, from measured network calls, seconds = calls (base + images per_image), and from past runs."""

import time
from collections.abc import Iterable
from functools import lru_cache

import torch

from core.denoiser import Denoiser
from core.registry import borrows, load, pick_device

SLOW = 0.5  # seconds for one image


@lru_cache(maxsize=32)
def _line(name: str, device: str) -> tuple[float, float]:
    """(base, per_image) seconds of one network call, from calls on 1 and on 20 images, each the best of two.

    A large network on a CPU is asked about one image alone, and twenty are taken to last twenty times as long.
    """
    model = load(name, device)
    few = min(_timed(model, 1) for _ in range(2))
    if few > SLOW:
        return 0.0, few
    many = min(_timed(model, 20) for _ in range(2))
    per_image = max(many - few, 0) / 19
    return max(few - per_image, 0), per_image


@torch.no_grad()
def _timed(model: Denoiser, n: int) -> float:
    x, t = torch.zeros(n, *model.shape, device=model.device), torch.zeros(n, dtype=torch.long, device=model.device)
    cond = model.encode([None] * n)
    model.predict(x, t, cond)
    started = time.perf_counter()
    model.predict(x, t, cond).x_0.cpu()  # the copy waits for the device
    return time.perf_counter() - started


LENT = (0.1, 0.02)
"""(base, per_image) assumed on a GPU that is lent for a call, where nothing can be measured before; runs correct it."""
_correction: dict[tuple[str, str], float] = {}


def _key(name: str, device: str) -> tuple[str, str]:
    return name, "lent" if borrows(name, device) else str(pick_device(device))


def seconds(name: str, device: str, calls: int, images: int) -> float:
    """Expected seconds of `calls` network calls of the named model on `images` images each."""
    key = _key(name, device)
    base, per_image = LENT if key[1] == "lent" else _line(*key)
    return _correction.get(key, 1.0) * calls * (base + images * per_image)


def learn(name: str, device: str, calls: int, images: int, took: float) -> None:
    """Let a finished run that took `took` seconds correct what the next one is expected to take."""
    key = _key(name, device)
    ratio = took / max(seconds(name, device, calls, images), 1e-3)
    _correction[key] = _correction.get(key, 1.0) * min(max(ratio, 0.2), 5.0) ** 0.5


def sentence(calls: int, images: int, expected: float) -> str:
    """The cost line: "20 network calls on 40 images each, about 3 s"."""
    many = f"{calls} network call{'s' * (calls != 1)} on {images} image{'s' * (images != 1)}"
    return f"{many}{' each' * (calls != 1)}, about {_rounded(expected)} s"


def others(expected: Iterable[float]) -> str:
    """What follows the cost line where a tab has experiments: " · experiments: 2 s, 0.8 s, 5 s"."""
    times = [f"{_rounded(seconds)} s" for seconds in expected]
    return f" · experiments: {', '.join(times)}" if times else ""


def _rounded(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 1.5 else f"{max(seconds, 0.1):.1f}"
