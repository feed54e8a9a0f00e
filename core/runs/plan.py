"""What a run is, before it starts: its request, what it costs, its Steps, and the words and rows of its pictures."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeVar

import numpy as np

from core.diffusion.denoiser import Denoiser
from core.diffusion.samplers import Step
from core.pictures.images import grid, packed
from core.runs.frame import Frame
from core.runs.request import Request

P = TypeVar("P", bound="Plan")
STATE = "x_t: the state, from noise to picture"
ESTIMATE = "x_0: the clean estimate"
ORIGIN = "The noise that this came from"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Base of every run that a tab starts; a run of a plan is kept as a `core.runs.recording.Recording`.

    Args:
        request: what was asked for.
        experiment: which of the tab's plans this is; saved pictures carry it.
        inputs: pictures that it starts from, by name, (H, W, C) uint8; saved pictures carry them.
    """

    GAP: ClassVar[int] = 0
    """Pixels between the pictures of a grid."""
    RANGE: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    """Black and white of the pictures."""
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """The same of recorded parts by name; of others that of noise."""

    LARGER: ClassVar[type | None] = None
    """How one of its pictures is enlarged, if not as every picture is: see `core.runs.enlarging.Larger`."""

    request: Request
    experiment: str = ""
    inputs: Mapping[str, np.ndarray] = field(default_factory=dict)

    # ---- what it is ----

    @property
    def model(self) -> str:
        """The model that draws."""
        return self.request.model

    @property
    def prompts(self) -> Sequence[str]:
        """The prompts that the model reads."""
        return ()

    @property
    def subject(self) -> str:
        """The one prompt that says what its pictures show; "" where there is none, there are several, or it is not known."""
        return "" if self.experiment == "several-prompts" else getattr(self.request, "prompt", "")

    @property
    def count(self) -> int:
        """How many pictures run together."""
        raise NotImplementedError

    @property
    def ours(self) -> Sequence[int] | None:
        """The pictures that the model draws, by number, where others stand beside them; None for all."""
        return None

    @property
    def lengths(self) -> Sequence[int]:
        """How many steps each picture takes; empty where all take those of the run."""
        return ()

    def cost(self) -> tuple[int, float] | None:
        """(network calls, images in each, on average); None where no cost is told before."""
        raise NotImplementedError

    def agreed(self: P) -> P:
        """The plan itself, once its request and its pictures go together. Raises Refused."""
        return self

    def judged(self, pixels: np.ndarray, device: str) -> str:
        """What a classifier says of the result, (B, H, W, C) uint8; "" where none is asked."""
        return ""

    def guidance_is_off_at_times(self, k: int) -> bool:
        """Whether picture k is drawn without guidance in a part of the run: its two noise estimates are one there."""
        return False

    @property
    def guiding(self) -> dict:
        """What the cost line says of guidance, as `core.runs.cost.sentence` takes it: guidance, negative, partly."""
        return {}

    @property
    def remark(self) -> str:
        """What else the cost line says."""
        return ""

    def run(self, device: str = "auto") -> Iterator[Step]:
        """Its Steps, `count` pictures each, as `in_pixels` gives them."""
        raise NotImplementedError

    # ---- words and rows ----

    @property
    def caption(self) -> str:
        """What the pictures are: model, prompt, sampler, steps, guidance, seed."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The stem of its files."""
        return "-".join(filter(None, (self.experiment or self.request.KIND, self.model, f"seed-{self.request.seed}")))

    @property
    def columns(self) -> int:
        """Pictures in a row."""
        return self.count

    @property
    def across(self) -> Sequence[str]:
        """The labels of the columns; empty where there is nothing to tell."""
        return ()

    @property
    def down(self) -> Sequence[str]:
        """The labels of the rows; empty where there is nothing to tell."""
        return ()

    @property
    def titles(self) -> Sequence[str]:
        """The file name of each picture, without its ending."""
        return [f"{k:02d}" for k in range(1, self.count + 1)]

    @property
    def beside(self) -> int:
        """How many grids stand side by side: one where it is wide or has labels down its side, else two."""
        rows = -(-self.count // self.columns)
        return 1 if self.columns > 2 * rows or self.down else 2

    @property
    def lane_titles(self) -> Sequence[str]:
        """What stands over each of `lanes`."""
        return (ESTIMATE, STATE)

    @property
    def origins(self) -> Sequence[str]:
        """What each of `lanes` shows in its first frame, where the page shows that beside the result; "" for the others."""
        return ("", ORIGIN)

    def lanes(self, frame: Frame) -> list[np.ndarray]:
        """The pictures of a frame that are shown together, (B, H, W, C) uint8 one grid each."""
        return [frame.x_0, frame.x_t]

    def sheet(self, frame: Frame) -> np.ndarray:
        """The pictures of a frame that go into its files, laid out as the first lane is."""
        return grid(self.lanes(frame)[0], self.columns)

    def film(self, frame: Frame) -> np.ndarray:
        """The same for the trajectory, in all frames but the last."""
        return self.sheet(frame)

    def tiles(self, frame: Frame) -> list[tuple[str, np.ndarray]]:
        """(file name without ending, pixels) of every single picture of a frame."""
        return list(zip(self.titles, frame.x_0, strict=True))

    def settings(self) -> dict:
        """What a saved picture carries."""
        pictures = {name: packed(pixels) for name, pixels in self.inputs.items()}
        named = {"experiment": self.experiment} if self.experiment else {}
        return self.request.settings() | named | pictures


def in_pixels(denoiser: Denoiser, steps: Iterable[Step]) -> Iterator[Step]:
    """The Steps of a sampler in pixels, (B, C, H, W), as they are recorded and shown: see `Denoiser.to_pixels`."""
    for step in steps:
        parts = {name: denoiser.to_pixels(part) for name, part in step.parts.items()}
        yield replace(step, x_t=denoiser.to_pixels(step.x_t), x_0=denoiser.to_pixels(step.x_0), parts=parts)
