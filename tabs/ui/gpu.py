"""Run in this process, or in the worker of a Space that lends its GPU for one call (ZeroGPU)."""

import math
from collections.abc import Callable, Iterator, Sequence

from core.diffusion.samplers import Step
from core.models.device import lends_gpu, on_loan
from core.models.registry import borrows
from core.runs import cost
from core.runs.prompts import unread
from tabs.ui.failures import in_words

LOADING, LEAST, MOST = 30, 20, 300  # seconds: to load a model from disk, and the bounds of one loan
READING = 60  # more seconds to load the text encoder (11 GB) for a new prompt


def _duration(seconds: float, make: Callable[[str], Iterator]) -> int:
    """The seconds for which the GPU is requested; shorter loans are granted sooner."""
    return min(MOST, max(LEAST, LOADING + math.ceil(1.5 * seconds)))


def _lent(seconds: float, make: Callable[[str], Iterator]) -> Iterator:
    """Yield the values of `make` on the lent GPU. The values are pickled, so no tensor may stay on the GPU.

    Raises:
        gr.Error: on any failure, in words; Spaces would show only the class of another exception.
    """
    on_loan()
    try:
        for step in make("cuda"):
            yield step.cpu() if isinstance(step, Step) else step
    except Exception as e:
        raise in_words(e) from None


if lends_gpu():  # Spaces provides the package and must see the function before the page opens
    import spaces

    _lent = spaces.GPU(duration=_duration)(_lent)


def placed(
    make: Callable[[str], Iterator],
    model: str,
    device: str,
    price: tuple[int, float] | None,
    prompts: Sequence[str] = (),
) -> Iterator:
    """Yield the values of `make(device)`, wherever the model runs.

    Args:
        make: takes a device name and yields Steps or other picklable values; it must be picklable itself.
        price: (network calls, pictures in each), which sets how long a GPU is borrowed; None if unknown.
        prompts: the prompts that the model reads; new ones take longer.
    """
    if not borrows(model, device):
        return make(device)
    seconds = cost.seconds(model, device, *price) if price else 60.0
    return _lent(seconds + READING * bool(unread(model, prompts)), make)
