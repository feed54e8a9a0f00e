"""A request for digits: checked once, carried inside every saved picture, and turned into a stream of Steps."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from core.checks import ModelError, Refused, choice, number, real, whole
from core.diffusion.noise import MAX_SEED, generator, generators, randn
from core.diffusion.sampler_table import SAMPLERS, evaluations, generate, samplers_for
from core.diffusion.samplers import Step
from core.models.registry import availability, load, spec
from core.models.scores import judge
from core.pictures.images import to_uint8

MAX_PICTURES = 100
MAX_GUIDANCE = 10.0


def default_guidance(model: str, sampler: str) -> float:
    """The sampler's guidance; 1, that is none, for a model without classes."""
    return SAMPLERS[sampler].guidance if spec(model).conditional else 1.0


@dataclass(frozen=True)
class DigitRequest:
    """What to draw, and how. `DigitRequest.checked` is the way in for anything a person typed.

    Args:
        digits: the classes, left to right, as text: "7", "0123456789", "5101234".
        each: pictures of each, one row apiece.
        model: a registry name of the task "digits".
        sampler: a key of `core.diffusion.sampler_table.SAMPLERS` that fits the model.
        steps: number of steps.
        guidance: w of classifier-free guidance; 0 unconditional, 1 conditional.
        seed: of the first picture; picture k has seed + k.
    """

    digits: str = "0123456789"
    each: int = 2
    model: str = "flow-class"
    sampler: str = "euler"
    steps: int = 20
    guidance: float = 1.5
    seed: int = 180

    @classmethod
    def of(cls, model: str) -> "DigitRequest":
        """The default request for a model: its everyday sampler, with that sampler's steps and guidance."""
        own = spec(model).defaults
        sampler = own["sampler"]
        usual = {"steps": SAMPLERS[sampler].steps[1], "guidance": default_guidance(model, sampler)}
        return cls(model=model, **usual | own)

    @classmethod
    def checked(cls, **values: object) -> "DigitRequest":
        """A request from untrusted values.

        Raises:
            Refused: one sentence that says which value is wrong and what is allowed.
            ModelError: the model does not exist or is not here.
        """
        r = cls(**values)
        digits = "".join(str(r.digits or "").split()).replace("-", "")
        if not digits or not digits.isascii() or not digits.isdigit():
            raise Refused("Type digits from 0 to 9, such as 5101234; spaces and hyphens are ignored.")
        each = whole(r.each, 1, MAX_PICTURES, "The number of each digit")
        if len(digits) * each > MAX_PICTURES:
            raise Refused(f"That would be {len(digits) * each} pictures; at most {MAX_PICTURES} fit in one run.")
        model = spec(r.model)
        if model.task != "digits":
            raise ModelError(f"The model {model.name} does not generate digits from noise.")
        ready, sentence = availability(model.name)
        if not ready:
            raise ModelError(sentence)
        table = samplers_for(model.path)
        sampler = table[choice(r.sampler, table, f"The sampler for {model.name}")]
        low, _, high = sampler.steps
        if low == high and number(r.steps) != low:
            raise Refused(f"The sampler {r.sampler} takes exactly {low} steps.")
        return cls(
            digits=digits,
            each=each,
            model=model.name,
            sampler=r.sampler,
            steps=whole(r.steps, low, high, f"The number of steps with {sampler.title}"),
            guidance=real(r.guidance, 0, MAX_GUIDANCE, "The guidance"),
            seed=whole(r.seed, 0, MAX_SEED, "The seed"),
        )

    @property
    def labels(self) -> list[int]:
        """The class asked of every picture, row by row: `each` rows of the digits."""
        return [int(d) for d in self.digits] * self.each

    @property
    def columns(self) -> int:
        """Pictures in a row of the grid; many of one digit are laid out ten to a row."""
        return min(self.each, 10) if len(self.digits) == 1 else len(self.digits)

    @property
    def scale(self) -> float:
        """The guidance that the model really gets; one without classes has none."""
        return self.guidance if spec(self.model).conditional else 1.0

    def cost(self) -> tuple[int, int]:
        """(network calls, images in each call)."""
        return evaluations(self.sampler, self.steps, self.scale, len(self.labels))

    def run(self, device: str = "auto") -> Iterator[Step]:
        """The Steps of this request."""
        return generate(load(self.model, device), self.labels, self.sampler, self.steps, self.scale, self.seed)

    def settings(self) -> dict:
        """This request as JSON-able values."""
        return dataclasses.asdict(self)


def read(pixels: np.ndarray, device: str = "auto") -> str:
    """What the classifier takes pictures (N, 28, 28, 1) uint8 for, as a string of N digits."""
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    classifier = load("classifier", device)
    named, _ = judge(classifier, x.to(next(classifier.parameters()).device))
    return "".join(str(k) for k in named.tolist())


SIGMA = 0.5
"""The noise level at which the single-step denoiser was trained."""
SIGMAS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0)
"""The course's figure of that denoiser at other noise levels too."""


def denoise_ladder(
    clean: np.ndarray, sigmas: tuple[float, ...] = SIGMAS, seed: int = 0, device: str = "auto"
) -> tuple[np.ndarray, np.ndarray, list[float], list[float]]:
    """One digit at several noise levels, through the single-step denoiser in one network call.

    Args:
        clean: (28, 28, 1) uint8.
        sigmas: noise levels; z = x + sigma eps with the same eps at each.

    Returns:
        Noisy and denoised digits, each (S, 28, 28, 1) uint8, and the mean squared error of each to the clean digit: per
        pixel, of values in which the clean digit lies in [0, 1] and the others are not clamped to it.
    """
    model = load("denoiser", device)
    x = torch.from_numpy(clean).permute(2, 0, 1)[None].float() / 255
    eps = randn((1, *x.shape[1:]), generator(seed))
    z = x + torch.tensor(sigmas).view(-1, 1, 1, 1) * eps
    restored = model.restore(z).cpu()
    errors = [(e - x).square().flatten(1).mean(1).tolist() for e in (z, restored)]
    return to_uint8(z), to_uint8(restored), *errors


def mean_digit(n: int, seed: int, device: str = "auto") -> np.ndarray:
    """What the denoiser of pure noise answers to n different noises, (n, 28, 28, 1) uint8: always the mean digit."""
    return to_uint8(load("denoiser-noise", device).restore(randn((n, 1, 28, 28), generators(seed, n))))
