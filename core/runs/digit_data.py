"""The digits that a network learns from in the page: MNIST if it is here, else digits that our own flow model draws
once."""

import errno
import functools
import threading
from dataclasses import dataclass, field

import torch
from torch import Tensor

from core.checks import Refused
from core.datasets import data_folder
from core.datasets.mnist import download, mnist, unit
from core.diffusion.sampler_table import generate
from core.models.mnist import CLASSES
from core.models.registry import load

DRAWN = 6000
"""The number of digits that our own model draws if MNIST is not used."""
DRAWS_AT_ONCE = 100
DRAWER, SAMPLER, STEPS, GUIDANCE = "flow-class-fast", "few-steps", 2, 1.0
"""The flow model distilled to few steps: two network calls a digit instead of forty. At w = 1 the digits vary most."""
SEED = 20_000
"""The seed of the first drawn digit."""
SHOWN = 10
"""The number of digits held back for display, one of each class."""
NO_NETWORK = (
    "MNIST could not be downloaded: this machine has no network, or its servers do not answer. "
    "The drawn digits need neither."
)

NO_RIGHT = "The data folder cannot be written to; name another one with the variable DIFFUSION_DATA."


@dataclass(frozen=True)
class DigitSet:
    """Digits to learn from.

    Args:
        images: (N, 1, 28, 28) uint8.
        labels: (N,) int64.
        held: (10, 1, 28, 28) uint8, digits 0 to 9 that are not among them, to be shown.
        words: what they are, for captions.
    """

    images: Tensor
    labels: Tensor
    held: Tensor
    words: str

    def at(self, rows: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        """The digits of these rows in [0, 1], (B, 1, 28, 28), and their labels (B,)."""
        return unit(self.images[rows].to(device)), self.labels[rows].to(device)

    @property
    def shown(self) -> Tensor:
        """The held-back digits, (10, 1, 28, 28) in [0, 1]."""
        return unit(self.held)


def one_of_each(images: Tensor, labels: Tensor) -> Tensor:
    """The first digit of each class, (10, 1, 28, 28)."""
    return torch.stack([images[(labels == k).nonzero()[0, 0]] for k in range(CLASSES)])


def mnist_is_here() -> bool:
    """Whether the data folder has MNIST's files, whole or not."""
    raw = data_folder() / "MNIST" / "raw"
    return all(
        any(raw.glob(f"{part}*ubyte")) for part in ("train-images", "train-labels", "t10k-images", "t10k-labels")
    )


def from_mnist() -> DigitSet:
    """MNIST's 60,000 training digits. Raises Refused if they are not here or damaged."""
    return _mnist_in(data_folder())


@functools.lru_cache(maxsize=1)
def _mnist_in(folder: object) -> DigitSet:
    try:
        (images, labels), (test, classes) = mnist(True), mnist(False)
        return DigitSet(images, labels, one_of_each(test, classes), "MNIST's 60,000 training digits")
    except (ValueError, IndexError) as e:
        raise Refused(f"{e} Or learn from the drawn digits.") from None
    except FileNotFoundError:
        raise Refused("MNIST is not here: download it, or learn from the drawn digits.") from None


def fetch_mnist() -> None:
    """Download MNIST into the data folder. Raises Refused if that fails, OSError if the disk is full."""
    try:
        download()
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        written = isinstance(e, (PermissionError, FileExistsError, NotADirectoryError)) or e.errno == errno.EROFS
        raise Refused(NO_RIGHT if written else NO_NETWORK) from None
    except RuntimeError:
        raise Refused(NO_NETWORK) from None


@dataclass
class Drawing:
    """Draw DRAWN digits with our own model in a thread. The thread ends with the last digit or at the first failure."""

    count: int = DRAWN + SHOWN
    made: list[Tensor] = field(default_factory=list)
    failure: Exception | None = None
    _thread: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _set: DigitSet | None = None

    @property
    def done(self) -> int:
        """The number of digits drawn so far."""
        return sum(map(len, self.made))

    def begin(self) -> None:
        """Start to draw, once. After a failure, start again."""
        with self._lock:
            if self._set is None and not (self._thread and self._thread.is_alive()):
                self.made, self.failure = [], None
                self._thread = threading.Thread(target=self._draw, name="drawing digits", daemon=True)
                self._thread.start()

    def wait(self, seconds: float) -> DigitSet | None:
        """The digits, or None if they take longer than `seconds`. Raises the error that stopped the drawing.

        It starts no second drawing after a failure, so that one between two calls is told too; `begin` does.
        """
        if self._thread is None:
            self.begin()
        self._thread.join(seconds)
        if self.failure is not None:
            raise self.failure
        return self._set

    def _draw(self) -> None:
        try:
            model = load(DRAWER, "cpu")
            for first in range(0, self.count, DRAWS_AT_ONCE):
                asked = [k % CLASSES for k in range(first, min(self.count, first + DRAWS_AT_ONCE))]
                *_, last = generate(model, asked, SAMPLER, STEPS, GUIDANCE, SEED + first)
                self.made.append((last.x_t.clamp(0, 1) * 255).round().to(torch.uint8))
            images, labels = torch.cat(self.made), torch.arange(self.count) % CLASSES
            words = f"{self.count - SHOWN:,} digits that our own flow model drew, since MNIST is not used here"
            self._set = DigitSet(images[SHOWN:], labels[SHOWN:], images[:SHOWN], words)
        except Exception as e:  # whatever it is, those who wait must hear of it
            self.failure = e


DRAWING = Drawing()
"""The drawing of this process. It runs once, at the first request, and its digits stay in memory (5 MB)."""
