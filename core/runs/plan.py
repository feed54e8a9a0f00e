"""A run before it starts: its request, its cost, its Steps, and the labels and rows of its pictures."""

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
INSIDE = ("x_t: the state", "x_0: the clean estimate")
ESTIMATE = "x_0: the clean estimate"
ORIGIN = "The noise that this came from"
FINE = " at 256 pixels"
"""Ends the name of an input that keeps 256 pixels a side, (256, 256, 3). Such an input is not saved."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Base of every run that a tab starts; its `core.runs.recording.Recording` keeps the run.

    Args:
        request: what was asked for.
        experiment: the key of this plan in its tab; saved pictures carry it.
        inputs: the pictures it starts from, by name, (H, W, C) uint8; saved pictures carry them.
    """

    GAP: ClassVar[int] = 0
    """Pixels between the pictures of a grid."""
    RANGE: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    """The values of black and white in the pictures."""
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """The same for recorded parts, by name; NOISE for the others."""
    TALL: ClassVar[float] = 1.0
    """The height of a picture over its width."""

    FOOT: ClassVar[float] = 0.0
    """The height of the room for text below a picture on the page, over the picture's width. At 0 the text stands on
    the picture."""

    LARGER: ClassVar[type | None] = None
    """The plan that enlarges one of its pictures; None for `core.runs.enlarging.Larger`."""

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
        """The one prompt of its pictures; "" if there is none, there are several, or it is not known."""
        given = set(filter(None, self.prompts))
        return given.pop() if len(given) == 1 else ""

    @property
    def count(self) -> int:
        """The number of pictures that run together."""
        raise NotImplementedError

    @property
    def ours(self) -> Sequence[int] | None:
        """The indices of the pictures that the model draws; None for all."""
        return None

    def made_from(self, k: int) -> tuple[str, int]:
        """The prompt and the seed of picture k."""
        return self.prompts[0], self.seeds[k]

    def truth(self, k: int) -> np.ndarray | None:
        """Picture k at 256 pixels, (256, 256, 3) uint8, if it is known, else None."""
        return None

    @property
    def lengths(self) -> Sequence[int]:
        """The number of steps of each picture; empty if all take those of the run."""
        return ()

    def cost(self) -> tuple[int, float] | None:
        """(network calls, images in each, on average); None if no cost is shown."""
        raise NotImplementedError

    def agreed(self: P) -> P:
        """The plan itself. Raises Refused if its request and its pictures do not fit each other."""
        return self

    def judged(self, pixels: np.ndarray, device: str) -> str:
        """A classifier's sentence on the result, (B, H, W, C) uint8; "" without a classifier."""
        return ""

    def guidance_is_off_at_times(self, k: int) -> bool:
        """Whether picture k has no guidance in a part of the run; its two noise estimates are equal there."""
        return False

    @property
    def guiding(self) -> dict:
        """The keywords of `core.runs.cost.sentence` on guidance: guidance, negative, partly."""
        return {}

    @property
    def work(self) -> str:
        """Its network calls in words, for the cost line; "" for the usual sentence."""
        return ""

    @property
    def remark(self) -> str:
        """A further remark in the cost line."""
        return ""

    def run(self, device: str = "auto") -> Iterator[Step]:
        """Its Steps, each with `count` pictures, from `in_pixels`."""
        raise NotImplementedError

    # ---- words and rows ----

    def clock(self, t: int) -> str:
        """The text beside the timestep in the scrubber; "" for none."""
        return ""

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
        """The labels of the columns; empty for none."""
        return ()

    @property
    def down(self) -> Sequence[str]:
        """The labels of the rows; empty for none."""
        return ()

    @property
    def titles(self) -> Sequence[str]:
        """The file name of each picture, without its ending."""
        return [f"{k:02d}" for k in range(1, self.count + 1)]

    @property
    def beside(self) -> int:
        """The number of grids side by side: one if the grid is wide or has row labels, else two."""
        rows = -(-self.count // self.columns)
        return 1 if self.columns > 2 * rows or self.down else 2

    def under(self, pixels: np.ndarray) -> Sequence[str]:
        """The text under each picture of the result, (B, H, W, C) uint8; empty for none."""
        return ()

    @property
    def lane_titles(self) -> Sequence[str]:
        """The title of each of `lanes`."""
        return (ESTIMATE, STATE)

    @property
    def origins(self) -> Sequence[str]:
        """The title of each lane's first frame, which the page shows beside the result; "" for a lane without it."""
        return ("", ORIGIN)

    def lanes(self, frame: Frame) -> list[np.ndarray]:
        """The grids of a frame that are shown together, (B, H, W, C) uint8 each."""
        return [frame.x_0, frame.x_t]

    def inner_titles(self, k: int) -> tuple[str, str]:
        """The titles of the state and the estimate of picture k in the look inside it."""
        return INSIDE

    @property
    def printed(self) -> tuple[Sequence[str], Sequence[str]]:
        """The labels of the columns and the rows of `sheet`, in its files."""
        return self.across, self.down

    def sheet(self, frame: Frame) -> np.ndarray:
        """The pictures of a frame for its files, in the layout of the first lane."""
        return grid(self.lanes(frame)[0], self.columns)

    def film(self, frame: Frame) -> np.ndarray:
        """The same for every frame of the trajectory except the last."""
        return self.sheet(frame)

    def tiles(self, frame: Frame) -> list[tuple[str, np.ndarray]]:
        """(file name without ending, pixels) of every single picture of a frame."""
        return list(zip(self.titles, frame.x_0, strict=True))

    def settings(self) -> dict:
        """The settings that a saved picture carries."""
        pictures = {name: packed(pixels) for name, pixels in self.inputs.items() if not name.endswith(FINE)}
        named = {"experiment": self.experiment} if self.experiment else {}
        return self.request.settings() | named | pictures


class EstimateAlone(Plan):
    """A plan that shows one grid, of the clean estimates."""

    @property
    def lane_titles(self) -> Sequence[str]:
        return (ESTIMATE,)

    @property
    def origins(self) -> Sequence[str]:
        return ("",)

    def lanes(self, frame: Frame) -> list[np.ndarray]:
        return [frame.x_0]


def in_pixels(denoiser: Denoiser, steps: Iterable[Step]) -> Iterator[Step]:
    """The Steps of a sampler in pixels, (B, C, H, W), as they are recorded and shown: see `Denoiser.to_pixels`."""
    for step in steps:
        parts = {name: denoiser.to_pixels(part) for name, part in step.parts.items()}
        yield replace(step, x_t=denoiser.to_pixels(step.x_t), x_0=denoiser.to_pixels(step.x_0), parts=parts)
