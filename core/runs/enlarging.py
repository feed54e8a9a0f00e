"""From 64 to 256 pixels and on to 1024, with DeepFloyd's stage II and the x4 upscaler where they are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from core.checks import ModelError
from core.diffusion.noise import generators
from core.diffusion.samplers import Step
from core.models.device import pick_device
from core.models.registry import availability, load, of_task, spec
from core.models.spec import named
from core.pictures.images import to_pil, to_tensor
from core.runs.frame import Frame
from core.runs.plan import Plan


def enlarger(side: int) -> str:
    """The model that takes pictures of that side four times larger: stage II from 64, stage III from 256.

    Raises:
        ModelError: there is none for that side, or it is not here, with what it would need.
    """
    sides = sorted({model.enlarges for model in of_task("upscale")})
    if side not in sides:
        raise ModelError(f"Only pictures of {' or '.join(map(str, sides))} pixels are enlarged, not of {side}.")
    largest_first = [model.name for model in reversed(of_task("upscale")) if model.enlarges == side]
    states = {name: availability(name) for name in largest_first}
    here = [name for name in largest_first if states[name][0]]
    if not here:
        last = largest_first[-1]
        raise ModelError(
            f"The picture stays at {side} pixels: enlarging takes {last}, which is not ready here. {states[last][1]}"
        )
    return here[0]


@dataclass(frozen=True, kw_only=True)
class Larger(Plan):
    """One picture of a run, four times larger.

    Args:
        of: the plan of that run.
        k: the picture's number in it.
        pixels: the picture, (S, S, 3) uint8, S = 64 or 256.
        by: the model that enlarges it.
    """

    of: Plan
    k: int
    pixels: np.ndarray
    by: str

    @property
    def model(self) -> str:
        return self.by

    @property
    def prompts(self) -> Sequence[str]:
        return [self.prompt]

    @property
    def prompt(self) -> str:
        """What the picture shows."""
        return self.of.prompts[0]

    @property
    def count(self) -> int:
        return 1

    def cost(self) -> None:
        return None

    @property
    def side(self) -> int:
        """Of the enlarged picture, in pixels."""
        return 4 * len(self.pixels)

    @property
    def seed(self) -> int:
        """Of the picture."""
        return self.of.seeds[self.k]

    @property
    def lane_titles(self) -> Sequence[str]:
        return [f"x_0 at {self.side} pixels"]

    @property
    def origins(self) -> Sequence[str]:
        return []

    def lanes(self, frame: Frame) -> list[np.ndarray]:
        return [frame.x_0]

    @property
    def caption(self) -> str:
        return f"Picture {self.k + 1}, enlarged by {self.by}; seed {self.seed}."

    @property
    def name(self) -> str:
        return f"picture-{self.k + 1}-at-{self.side}-pixels"

    def settings(self) -> dict:
        """Those of the run that it is from, and what was done."""
        return self.of.settings() | {"enlarged": self.k, "enlarger": self.by, "side": self.side}

    def run(self, device: str = "auto") -> Iterator[Step]:
        """Its Steps; the last holds the picture. Raises ModelError if the model does not fit."""
        low = to_tensor(to_pil(self.pixels), -1, 1).to(pick_device(device))
        return named(spec(self.by).enlarge)(
            load(self.by, device), low, [self.asked], generators(self.seed, 1), **self.views
        )

    @property
    def asked(self) -> str | tuple[str, ...] | None:
        """What the model is told: the prompt, or one for every view."""
        return self.prompt or None

    @property
    def views(self) -> dict:
        """The views that it is asked about, where there are several."""
        return {}


def larger(plan: Plan, k: int, pixels: np.ndarray, by: str | None = None) -> Larger:
    """The plan to enlarge picture k of a run, (S, S, 3) uint8; of one that was enlarged already, to enlarge it again.

    Args:
        by: the model; None for the best that is here.

    Raises:
        ModelError: no model for it is here.
    """
    plan, k = (plan.of, plan.k) if isinstance(plan, Larger) else (plan, k)
    return (plan.LARGER or Larger)(request=plan.request, of=plan, k=k, pixels=pixels, by=by or enlarger(len(pixels)))
