"""The same noise through two models: on the DDPM path and on the flow-matching path."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from core.diffusion.samplers import Step
from core.pictures.images import grid
from core.runs.fields import SEED
from core.runs.frame import Frame
from core.runs.mnist import DIGIT_GUIDANCE, DIGITS, DigitRequest, as_read
from core.runs.plan import Plan
from core.runs.request import Request, Whole, asked

WIDEST = 10
"""The most digits in a row of the files."""


@dataclass(frozen=True)
class PairRequest(Request):
    """The same digits from the same noise by two models, DDPM with DDIM's steps and flow matching with Euler's."""

    KIND = "same-noise"
    digits: str = asked("0123456789", replace(DIGITS, info="Up to 100, one picture each."))
    steps: int = asked(
        20, Whole("Steps", "2 to 100; DDIM and Euler take the same number.", "The number of steps", low=2, high=100)
    )
    guidance: float = asked(2, replace(DIGIT_GUIDANCE, info="0 to 10: 0 ignores the class, 1 obeys it, more insists."))
    seed: int = asked(180, SEED)

    @property
    def model(self) -> str:
        """The model that runs first."""
        return "ddpm-class"

    @property
    def both(self) -> tuple[DigitRequest, DigitRequest]:
        """The two requests, which differ only in the model."""
        same = {"digits": self.digits, "each": 1, "steps": self.steps, "guidance": self.guidance, "seed": self.seed}
        return (
            DigitRequest(model="ddpm-class", sampler="ddim", **same),
            DigitRequest(model="flow-class", sampler="euler", **same),
        )

    def agreed(self) -> "PairRequest":
        """Raises Refused or ModelError if one of the two does."""
        for r in self.both:
            DigitRequest.checked(**{name: getattr(r, name) for name in r.kinds()})
        return self


@dataclass(frozen=True, kw_only=True)
class Pair(Plan):
    """Both runs as one batch: the digits of DDPM, then the digits of flow matching. t is DDPM's timestep."""

    GAP = 1
    RANGE = (0.0, 1.0)

    request: PairRequest

    @property
    def count(self) -> int:
        return 2 * len(self.request.digits)

    @property
    def columns(self) -> int:
        n = self.count // 2
        return -(-n // 2) if n > 5 else n

    @property
    def beside(self) -> int:
        return 2

    @property
    def titles(self) -> Sequence[str]:
        return [f"{path}-{k:02d}" for path in ("ddpm", "flow") for k in range(1, self.count // 2 + 1)]

    @property
    def printed(self) -> tuple[Sequence[str], Sequence[str]]:
        further = [""] * (-(-self.count // 2 // WIDEST) - 1)
        return (), ("DDPM", *further, "Flow matching", *further)

    def sheet(self, frame: Frame) -> np.ndarray:
        """The clean estimates of DDPM above those of flow matching."""
        ddpm, flow = (grid(half, min(len(half), WIDEST)) for half in np.split(frame.x_0, 2))
        return np.concatenate([ddpm, np.full_like(ddpm[: self.GAP], 255), flow])

    @property
    def lane_titles(self) -> Sequence[str]:
        return (
            "DDPM: the state x_t",
            "Flow matching: the state x_t",
            "DDPM: its clean estimate",
            "Flow matching: its clean estimate",
        )

    @property
    def origins(self) -> Sequence[str]:
        return ["The noise that both came from"] * 2 + ["", ""]

    def lanes(self, frame: Frame) -> list[np.ndarray]:
        return [*np.split(frame.x_t, 2), *np.split(frame.x_0, 2)]

    def cost(self) -> tuple[int, float]:
        calls, images = self.request.both[0].cost()
        return 2 * calls, images

    def run(self, device: str = "auto") -> Iterator[Step]:
        for ddpm, flow in zip(*(r.run(device) for r in self.request.both), strict=True):
            x_t, x_0 = (torch.cat(pair) for pair in ((ddpm.x_t, flow.x_t), (ddpm.x_0, flow.x_0)))
            yield Step(ddpm.i, ddpm.n, ddpm.t.repeat(2), x_t, x_0)

    @property
    def caption(self) -> str:
        return " ".join(r.about for r in self.request.both)

    def judged(self, pixels: np.ndarray, device: str) -> str:
        halves = zip(("DDPM", "Flow matching"), self.request.both, np.split(pixels, 2), strict=True)
        return " ".join(f"{name}: {as_read(r, half, device)}" for name, r, half in halves)


PLANS = {"pair": lambda r: Pair(request=r)}
