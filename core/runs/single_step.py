"""The single-step denoiser: one network call from a noisy digit to a clean one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.checks import ModelError, Refused, real
from core.diffusion.noise import generator, generators, randn
from core.diffusion.schedule import per_sample
from core.models.mnist_losses import SIGMA
from core.models.registry import card, load, spec
from core.pictures.images import to_uint8
from core.runs.fields import SEED
from core.runs.plan import Plan
from core.runs.request import Model, Request, Text, asked
from core.wording import counted

SIGMAS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0)
"""The noise levels of the course's figure, which also tests the denoiser at levels other than its own."""
MAX_SIGMAS, MAX_SIGMA = 10, 2
ANSWERS = "denoiser-noise"
"""The denoiser of pure noise, whose answer is always the mean digit."""


def sigmas_of(text: object) -> tuple[float, ...]:
    """Comma-separated noise levels, or a list. Raises Refused unless there are 1 to MAX_SIGMAS, each 0 to MAX_SIGMA."""
    words = text if isinstance(text, (list, tuple)) else str(text or "").replace(";", ",").split(",")
    parts = [p for p in words if str(p).strip()]
    if not 1 <= len(parts) <= MAX_SIGMAS:
        raise Refused(f"Give 1 to {MAX_SIGMAS} noise levels, separated by commas.")
    return tuple(real(p, 0, MAX_SIGMA, "Every noise level") for p in parts)


def listed(sigmas: Sequence[float]) -> str:
    """Noise levels as `sigmas_of` reads them."""
    return ", ".join(f"{s:g}" for s in sigmas)


@dataclass(frozen=True)
class DenoiserModel(Model):
    """A single-step denoiser at SIGMA: the one that ships, or one that was trained in the page and kept."""

    def options(self) -> dict[str, str]:
        """name -> what people read."""
        return {"denoiser": spec("denoiser").title}

    def check(self, value: object, request: Request) -> str:
        model = spec(value)
        if model.task != "single-step" or model.name == "denoiser-noise":
            raise ModelError(f"The model {model.name} is no single-step denoiser at σ = {SIGMA:g}.")
        return model.name


@dataclass(frozen=True)
class SingleStepRequest(Request):
    """At which noise levels a digit is denoised.

    Args:
        seed: of the noise, which all levels share.
    """

    KIND = "single-step"
    sigmas: tuple[float, ...] = asked(
        SIGMAS,
        Text("Noise levels σ", f"1 to {MAX_SIGMAS} numbers from 0 to {MAX_SIGMA}.", read=sigmas_of, write=listed),
    )
    seed: int = asked(180, SEED)
    model: str = asked("denoiser", DenoiserModel("Denoiser", "Or one that you trained and kept."))


@dataclass(frozen=True)
class Answer:
    """The denoiser's results for one digit at S noise levels.

    Args:
        noisy, denoised: (S, 28, 28, 1) uint8.
        before, after: S mean squared errors per pixel to the clean digit, of the noisy and of the denoised digits. The
            clean digit is in [0, 1]; the others are not clamped.
    """

    noisy: np.ndarray
    denoised: np.ndarray
    before: list[float]
    after: list[float]


@dataclass(frozen=True, kw_only=True)
class SingleStep(Plan):
    """The digit `inputs["digit"]`, (28, 28, 1) uint8, at several noise levels in one network call."""

    request: SingleStepRequest

    @property
    def count(self) -> int:
        return len(self.request.sigmas)

    def cost(self) -> tuple[int, float]:
        return 1, self.count

    def answer(self, device: str = "auto") -> Answer:
        """The digit with noise, and without it."""
        return denoised_at(self.inputs["digit"], self.request.sigmas, self.request.seed, device, self.model)

    @property
    def caption(self) -> str:
        return (
            f"{spec(self.model).title}, trained for {trained_for(self.model)} at σ = {SIGMA:g} alone. All columns have "
            f"the same noise, that of seed {self.request.seed}, times σ. Error: mean squared error per pixel to the clean "
            "digit, whose pixels lie in [0, 1], taken before the others are clamped to that range for the pictures."
        )


PLANS = {"levels": lambda r: SingleStep(request=r)}


def denoised_at(
    clean: np.ndarray, sigmas: Sequence[float] = SIGMAS, seed: int = 0, device: str = "auto", name: str = "denoiser"
) -> Answer:
    """One digit, (28, 28, 1) uint8, at several noise levels: z = x + sigma eps with the same eps at each."""
    model = load(name, device)
    x = torch.from_numpy(clean).permute(2, 0, 1)[None].float() / 255
    eps = randn((1, *x.shape[1:]), generator(seed))
    z = x + per_sample(torch.tensor(sigmas), x) * eps
    restored = model.restore(z).cpu()
    before, after = ((e - x).square().flatten(1).mean(1).tolist() for e in (z, restored))
    return Answer(to_uint8(z), to_uint8(restored), before, after)


def mean_digit(n: int, seed: int, device: str = "auto") -> np.ndarray:
    """The outputs of the pure-noise denoiser for n different noises, (n, 28, 28, 1) uint8: always the mean digit."""
    return to_uint8(load(ANSWERS, device).restore(randn((n, 1, 28, 28), generators(seed, n))))


def mean_of_answers(device: str = "auto") -> Tensor:
    """(1, 28, 28) in [0, 1], the mean digit: the mean of ten outputs of the pure-noise denoiser, always of the same noises."""
    return load(ANSWERS, device).restore(randn((10, 1, 28, 28), generator(0))).mean(0).clamp(0, 1)


def trained_for(name: str) -> str:
    """How long a network was trained, from its card: "3 epochs", or "820 updates" of one that was trained in the page."""
    facts = card(name)
    if "epochs" not in facts["recipe"]:
        return counted(f"{facts['steps']:,}", "update")
    return counted(facts["recipe"]["epochs"], "epoch")
