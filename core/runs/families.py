"""Three families, a GAN, a VAE and diffusion: digits of the same classes from the same seeds, and between two seeds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core.checks import ModelError, Refused
from core.diffusion.denoiser import Denoiser
from core.diffusion.noise import generator, generators, randn, seeds, slerp
from core.diffusion.sampler_table import SAMPLERS, generate
from core.diffusion.samplers import Step
from core.diffusion.students import guided
from core.diffusion.visits import visits_together
from core.models.mnist_families import LATENT, OneCall
from core.models.registry import availability, load
from core.pictures.images import WAITING
from core.runs.fields import SEED
from core.runs.mnist import DIGITS, read
from core.runs.plan import EstimateAlone
from core.runs.request import SEEDS, Request, Whole, asked
from core.wording import counted

DIFFUSION = "flow-small"
FAMILIES = {"gan": "GAN", "vae": "VAE", DIFFUSION: "Diffusion"}
"""Model -> what people read; the first two draw in one call."""
SAMPLER, GUIDANCE = "euler", 1.5
"""The sampler and the guidance scale of the diffusion model, as in its measurement."""
MOST = 12
"""The most digits in a row."""
BETWEEN = 9
"""The number of pictures from one seed to another, both ends included."""


@dataclass(frozen=True)
class FamiliesRequest(Request):
    """The digits that all three families draw.

    Args:
        digits: the classes, left to right, as text.
        steps: of the diffusion model.
        seed: of the first digit; digit k has seed + k.
        digit: the class between two seeds.
        other: the seed at the other end.
    """

    KIND = "families"
    digits: str = asked("0123456789", replace(DIGITS, info=f"Up to {MOST}, a column each."))
    steps: int = asked(20, Whole("Steps of diffusion", "1 to 100; the others take one call.", low=1, high=100))
    seed: int = asked(180, replace(SEED, info=f"{SEEDS}: of the first digit; the next ones have the next seeds."))
    digit: int = asked(4, Whole("Digit between two seeds", "0 to 9, for the second button.", low=0, high=9))
    other: int = asked(7, replace(SEED, label="Seed at the other end", info=f"{SEEDS}, for the second button too."))

    @property
    def model(self) -> str:
        """The model that takes most of the time."""
        return DIFFUSION

    def agreed(self) -> "FamiliesRequest":
        """Raises Refused for too many digits, ModelError if one of the three models is not here."""
        if len(self.digits) > MOST:
            raise Refused(f"At most {MOST} digits stand in a row; these are {len(self.digits)}.")
        for name in FAMILIES:
            ready, sentence = availability(name)
            if not ready:
                raise ModelError(sentence)
        return self


@dataclass(frozen=True, kw_only=True)
class Families(EstimateAlone):
    """A row per family, a column per digit; digit k is from the noise of seed + k."""

    GAP = 1
    RANGE = (0.0, 1.0)

    request: FamiliesRequest

    @property
    def labels(self) -> list[int]:
        """The class of every column."""
        return [int(d) for d in self.request.digits]

    @property
    def columns(self) -> int:
        return len(self.labels)

    @property
    def count(self) -> int:
        return len(FAMILIES) * self.columns

    @property
    def lengths(self) -> Sequence[int]:
        return [1] * (self.count - self.columns) + [self.request.steps] * self.columns

    @property
    def across(self) -> Sequence[str]:
        return [str(label) for label in self.labels]

    @property
    def down(self) -> Sequence[str]:
        return list(FAMILIES.values())

    @property
    def lane_titles(self) -> Sequence[str]:
        return ("GAN and VAE: drawn in one call · diffusion: its clean estimate at every step",)

    @property
    def titles(self) -> Sequence[str]:
        return [f"{name}-{k:02d}-digit-{label}" for name in FAMILIES for k, label in enumerate(self.labels, 1)]

    @property
    def name(self) -> str:
        return f"{self.experiment or 'families'}-seed-{self.request.seed}"

    @property
    def seeded(self) -> str:
        """The noise that a column comes from, in words."""
        first, *others = seeds(self.request.seed, self.columns)
        return f"the noise of seed {first}" + f" to {others[-1]}, a column each" * bool(others)

    @property
    def caption(self) -> str:
        return (
            f"From {self.seeded}: {LATENT} numbers for the GAN and the VAE, 784 for diffusion, in "
            f"{counted(self.request.steps)} of {SAMPLERS[SAMPLER].title} with guidance {GUIDANCE:g}."
        )

    @property
    def work(self) -> str:
        return (
            f"1 network call for the GAN, 1 for the VAE, {self.request.steps} for diffusion with and without the class"
        )

    def cost(self) -> tuple[int, float]:
        return SAMPLERS[SAMPLER].calls(self.request.steps), 2 * self.columns

    def starts(self, shape: Sequence[int]) -> Tensor:
        """The noises (columns, *shape) that the digits come from; `shape` is that of one."""
        return randn((self.columns, *shape), generators(self.request.seed, self.columns))

    def run(self, device: str = "auto") -> Iterator[Step]:
        r, model = self.request, load(DIFFUSION, device)
        *others, _ = FAMILIES
        drawn = torch.cat([load(name, device).draw(self.starts((LATENT,)), self.labels) for name in others])
        waiting, none = torch.full_like(drawn, WAITING / 255), torch.full((len(drawn),), -1).to(model.device)
        denoiser, visits = (
            guided(model, r.steps, GUIDANCE),
            visits_together(model.schedule.timesteps(r.steps), self.columns),
        )
        x, cond = self.starts(model.shape).to(model.device), denoiser.encode(self.labels)
        for s in SAMPLERS[SAMPLER].run(denoiser, x, visits, cond, generators(r.seed, self.columns)):
            done, t = (drawn, none) if s.i else (waiting, s.t[:1].expand(len(drawn)))
            x_t, x_0 = torch.cat([done, s.x_t]), torch.cat([done, s.x_0])
            yield Step(s.i, s.n, torch.cat([t, s.t]), x_t, x_0)  # no noise estimates: two of the three have none

    def judged(self, pixels: np.ndarray, device: str) -> str:
        rows = zip(FAMILIES.values(), np.split(pixels, len(FAMILIES)), strict=True)
        asked_for = "".join(map(str, self.labels))
        right = [
            f"{sum(a == b for a, b in zip(read(row, device), asked_for, strict=True))} ({title})" for title, row in rows
        ]
        return f"Of {counted(self.columns, 'digit')} each the classifier reads as asked: {', '.join(right)}."


@dataclass(frozen=True, kw_only=True)
class Between(Families):
    """A row per family: digits of one class, from the noise of one seed to the noise of another, on the sphere."""

    @property
    def labels(self) -> list[int]:
        return [self.request.digit] * BETWEEN

    @property
    def across(self) -> Sequence[str]:
        n = BETWEEN - 1
        return [
            f"seed {self.request.seed}",
            *(f"{100 * k / n:.0f} %" for k in range(1, n)),
            f"seed {self.request.other}",
        ]

    @property
    def seeded(self) -> str:
        return f"the noise of seed {self.request.seed} to that of seed {self.request.other}, on the sphere (slerp)"

    def starts(self, shape: Sequence[int]) -> Tensor:
        first, last = (randn(shape, generator(s)) for s in (self.request.seed, self.request.other))
        return slerp(first, last, torch.linspace(0, 1, BETWEEN))


def drawn(model: OneCall | Denoiser, labels: Sequence[int], seed: int) -> Tensor:
    """Digits (B, 1, 28, 28) in [0, 1] of these classes by one of the families, as it was measured; digit k has seed + k."""
    if isinstance(model, OneCall):
        return model.draw(randn((len(labels), LATENT), generators(seed, len(labels))), labels)
    *_, last = generate(model, labels, SAMPLER, SAMPLERS[SAMPLER].steps[1], GUIDANCE, seed)
    return last.x_t.clamp(0, 1)


PLANS = {"families": lambda r: Families(request=r), "between": lambda r: Between(request=r)}
