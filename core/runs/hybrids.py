"""A request for hybrids, checked once, carried inside every saved picture, run as Steps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from torch import Tensor

from core.checks import Refused, choice, real, whole
from core.diffusion.guidance import bounded
from core.diffusion.sampler_table import ETAS, TEXT_SAMPLERS
from core.diffusion.samplers import Step, ddim
from core.diffusion.visits import visits_together
from core.models.registry import load
from core.pictures import images
from core.runs.prompts import prompt_of
from core.runs.two_readings import Double, listed
from core.techniques.illusions import hybrid, inverse_constraint
from core.techniques.splits import KERNEL, SIGMA, Split, colours, frequencies, motion, response

SPLITS = {
    "frequencies": ("low and high frequencies", ("low", "high")),
    "three": ("low, middle and high frequencies", ("low", "middle", "high")),
    "colour": ("grey and colour", ("grey", "colour")),
    "motion": ("moving and at rest", ("motion", "rest")),
}
READINGS = {
    "low": "seen from afar",
    "middle": "seen from halfway",
    "high": "seen from near",
    "grey": "seen without colour",
    "colour": "seen in colour",
    "motion": "seen in motion",
    "rest": "seen at rest",
}
SIGMAS, KERNELS, LENGTHS = (0.3, 16.0), (3, 63), (2, 32)  # pixels, at 64 px
FARTHEST = 8.0  # times as far, where stepping back ends


@dataclass(frozen=True, kw_only=True)
class HybridRequest(Double):
    """One picture whose component k comes from prompt k.

    Args:
        prompts: as many as the split has components; that of `own` may be empty.
        split: a key of SPLITS.
        sigma: of the blur that makes the low part, in pixels; of three parts, the larger one.
        sigma_small: the smaller one, where there are three.
        kernel: taps of the blur, odd.
        length: of the path of a motion, in pixels.
        angle: of that path, in degrees.
        own: the component that is taken from the person's own photo, or "".
    """

    KIND = "hybrid"
    prompts: tuple[str, ...] = ("a sun", "a spider")
    split: str = "frequencies"
    sigma: float = 2 * SIGMA  # flat drawings need more than the published 2
    sigma_small: float = 1.0
    kernel: int = KERNEL
    length: int = 7
    angle: float = 45.0
    own: str = ""

    def _own_checks(self) -> dict:
        choice(self.split, SPLITS, "The split")
        if self.own and self.sampler not in ETAS:
            raise Refused("A part of your photo can be kept with DDIM or DDPM only; choose one of them.")
        sizes = {
            "sigma": real(self.sigma, *SIGMAS, "Sigma"),
            "sigma_small": real(self.sigma_small, *SIGMAS, "The smaller sigma"),
            "kernel": whole(self.kernel, *KERNELS, "The kernel"),
            "length": whole(self.length, *LENGTHS, "The length of the path"),
            "angle": real(self.angle, 0, 180, "The angle"),
        }
        if sizes["kernel"] % 2 == 0:
            raise Refused("The kernel must have an odd number of pixels.")
        if self.split == "three" and sizes["sigma_small"] >= sizes["sigma"]:
            raise Refused("The smaller sigma must be below the larger one.")
        return sizes | {"prompts": self._checked_prompts(), "own": self.own or ""}

    def _checked_prompts(self) -> tuple[str, ...]:
        if self.own and self.own not in self.parts:
            raise Refused(f"The part of the photo must be one of {', '.join(self.parts)}, or nothing.")
        given = listed(self.prompts, 3, "prompts") + [""] * 3
        prompts = tuple(prompt_of(text, f"Prompt {k}") for k, text in enumerate(given[: len(self.parts)], 1))
        for name, prompt in zip(self.parts, prompts, strict=True):
            if not prompt and name != self.own:
                raise Refused(f"A prompt is missing: what should be {READINGS[name]} ({name})?")
        return prompts

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the components."""
        return SPLITS[self.split][1]

    def components(self) -> Split:
        """The linear maps, which sum to the identity."""
        if self.split == "colour":
            return colours()
        if self.split == "motion":
            return motion(self.length, self.angle)
        return frequencies((self.sigma, self.sigma_small) if self.split == "three" else (self.sigma,), self.kernel)

    def responses(self) -> dict[str, list[tuple[float, float]]]:
        """(cycles per pixel, gain) of each component along one axis; empty where the split is not one of frequencies."""
        if self.split not in ("frequencies", "three"):
            return {}
        at, *blurs = response(self.sigma, self.kernel)
        if self.split == "three":
            blurs.append(response(self.sigma_small, self.kernel)[1])
        edges = [[0.0] * len(at), *blurs, [1.0] * len(at)]
        gains = ([b - a for a, b in zip(*pair, strict=True)] for pair in pairwise(edges))
        return {name: list(zip(at, gain, strict=True)) for name, gain in zip(self.parts, gains, strict=True)}

    def _asked(self) -> Split:
        """The components that prompts answer for; the last takes over what the photo replaces after each step."""
        split = self.components()
        names = [name for name in split if name != self.own]
        others = [split[name] for name in names[:-1]]
        return {name: split[name] for name in names[:-1]} | {names[-1]: lambda x: x - sum(f(x) for f in others)}

    def cost(self) -> tuple[int, int]:
        """(network calls, pictures in each)."""
        return self.cost_of(len(self.parts) - bool(self.own))

    def run(self, device: str = "auto", photo: Tensor | None = None) -> Iterator[Step]:
        """The sampler's Steps, x_t and x_0 (n, 3, 64, 64) in [-1, 1].

        Args:
            photo: (1, 3, 64, 64) in [-1, 1], whose component `own` is kept.

        Raises:
            Refused: a component is to come from a photo, and there is none.
        """
        if self.own and photo is None:
            raise Refused("There is no photo yet: upload one, choose an example, or take nothing from it.")
        model = load(self.model, device)
        joined = bounded(hybrid(model, self._asked(), self.guidance))
        x, source = self.start(model)
        asked = [self.styled(p) for name, p in zip(self.parts, self.prompts, strict=True) if name != self.own]
        cond = joined.encode([tuple(asked)] * self.n)
        visits = visits_together(model.schedule.timesteps(self.steps), self.n)
        if not self.own:
            return TEXT_SAMPLERS[self.sampler].run(joined, x, visits, cond, source)
        keep = inverse_constraint(model.schedule, self.components()[self.own], photo.to(x), source)
        return ddim(joined, x, visits, cond, source, ETAS[self.sampler], keep)

    def seen(self, pixels: Sequence[np.ndarray]) -> list[np.ndarray]:
        """uint8 (B, H, W, C) in every reading, nearest first: all components, without the last, ..., the first alone."""
        x = images.from_uint8(np.stack(pixels), -1, 1)
        sums = accumulate(f(x) for f in list(self.components().values())[:-1])
        return [np.stack(pixels), *(images.to_uint8(part, -1, 1) for part in reversed(list(sums)))]

    def receding(self, pixels: np.ndarray, n: int = 25, side: int = 256) -> list[np.ndarray]:
        """n frames uint8 (side, side, C) from the last reading of uint8 (H, W, C) to the first one."""
        if self.split in ("frequencies", "three"):
            return images.stepping_back(pixels, n, side, FARTHEST)
        first = self.seen([pixels])[-1][0].astype(float)
        mixed = (np.rint(pixels + k * (first - pixels)).astype(np.uint8) for k in np.linspace(0, 1, n))
        return [images.enlarge(frame, side // len(pixels)) for frame in mixed]
