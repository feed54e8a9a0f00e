"""Where a run happens: in this process, or in the worker of a Space that lends its GPU for one call (ZeroGPU)."""

import math
from collections.abc import Callable, Iterator, Sequence

from core.diffusion.samplers import Step
from core.models.device import lends_gpu, on_loan
from core.models.registry import borrows
from core.runs import cost
from core.runs.prompts import unread
from tabs.ui.failures import in_words

LOADING, LEAST, MOST = 30, 20, 300  # seconds: to bring a model from the disk, and the bounds of one loan
READING = 60  # seconds more where the text encoder, 11 GB, must be brought for a new prompt


def _duration(seconds: float, make: Callable[[str], Iterator]) -> int:
    """How long the GPU is asked for; shorter loans come sooner."""
    return min(MOST, max(LEAST, LOADING + math.ceil(1.5 * seconds)))


def _lent(seconds: float, make: Callable[[str], Iterator]) -> Iterator:
    """What `make` yields on the lent GPU. It is pickled on its way back, so nothing may stay there.

    Raises:
        gr.Error: on any failure, in words: of other exceptions Spaces tells the person the class alone.
    """
    on_loan()
    try:
        for step in make("cuda"):
            yield step.cpu() if isinstance(step, Step) else step
    except Exception as e:
        raise in_words(e) from None


if lends_gpu():  # Spaces provides the package, and wants to see the function before the page opens
    import spaces

    _lent = spaces.GPU(duration=_duration)(_lent)


def placed(
    make: Callable[[str], Iterator],
    model: str,
    device: str,
    price: tuple[int, float] | None,
    prompts: Sequence[str] = (),
) -> Iterator:
    """What `make(device)` yields, wherever the model runs.

    Args:
        make: from a device's name to Steps or to other things that can be pickled; it can be pickled itself.
        price: (network calls, pictures in each), from which follows how long a GPU is borrowed; None if unknown.
        prompts: that the model reads; new ones take longer.
    """
    if not borrows(model, device):
        return make(device)
    seconds = cost.seconds(model, device, *price) if price else 60.0
    return _lent(seconds + READING * bool(unread(model, prompts)), make)
