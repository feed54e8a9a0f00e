"""Hybrids: what is asked for, and their run as Steps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

import numpy as np

from core.checks import Refused, choice
from core.diffusion.guidance import bounded
from core.diffusion.sampler_table import ETAS, TEXT_SAMPLERS
from core.diffusion.samplers import Step, ddim
from core.diffusion.visits import visits_together
from core.models.registry import load
from core.pictures import images
from core.runs.plan import in_pixels
from core.runs.request import Choice, Kind, Prompt, Real, Whole, asked
from core.runs.two_readings import TwoReadings, TwoReadingsRequest, prompts_kind, there_and_back
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
PHOTO = "photo"  # the name of the person's own picture in `Hybrids.inputs`
FARTHEST = 8.0  # times as far, where stepping back ends
SPLIT = Choice(
    "Split", "What tells the readings apart.", options={name: title for name, (title, _) in SPLITS.items()}, listed=True
)
BLUR = Real("Sigma", "0.3 to 16 pixels; more leaves less to see from afar.", "Sigma", low=0.3, high=16.0)


@dataclass(frozen=True)
class Own(Kind):
    """A component of the request's split, or ""."""

    def check(self, value: object, request: "HybridRequest") -> str:
        parts = SPLITS[choice(request.split, SPLITS, SPLIT.named)][1]
        if value and value not in parts:
            raise Refused(f"The part of the photo must be one of {', '.join(parts)}, or nothing.")
        return value or ""


@dataclass(frozen=True, kw_only=True)
class HybridRequest(TwoReadingsRequest):
    """One picture whose component k comes from prompt k.

    Args:
        prompts: as many as the split has components; that of `own` may be empty.
        split: a key of SPLITS.
        sigma: of the blur that makes the low part, in pixels at 64 px; of three parts, the larger one.
        sigma_small: the smaller one, where there are three.
        kernel: taps of the blur, odd.
        length: of the path of a motion, in pixels.
        angle: of that path, in degrees.
        own: the component that is taken from the person's own photo, or "".
    """

    KIND = "hybrid"
    ORDER = (
        "style", "prompt_1", "prompt_2", "prompt_3", "split", "sigma", "n", "steps", "guidance", "seed", "own", "model",
        "sampler", "sigma_small", "kernel", "length", "angle",
    )  # fmt: skip
    prompts: tuple[str, ...] = asked(("a sun", "a spider"), prompts_kind(*(Prompt(f"Prompt {k}") for k in (1, 2, 3))))
    split: str = asked("frequencies", SPLIT)
    sigma: float = asked(2 * SIGMA, BLUR)  # flat drawings need more than the published 2
    sigma_small: float = asked(
        1.0,
        replace(
            BLUR,
            label="The smaller sigma",
            info="0.3 to 16 pixels, below the larger one; splits the middle from the high part.",
            what="The smaller sigma",
        ),
    )
    kernel: int = asked(
        KERNEL,
        Whole(
            "Kernel",
            "3 to 63 pixels, odd; below 6 sigma it cuts the blur off, and the response ripples.",
            low=3,
            high=63,
            step=2,
        ),
    )
    length: int = asked(7, Whole("Length of the path", "2 to 32 pixels; a longer one blurs more away.", low=2, high=32))
    angle: float = asked(
        45.0,
        Real("Angle of the path", "0 to 180 degrees; 0 moves sideways, 90 up.", "The angle", high=180, step=5),
    )
    own: str = asked("", Own("Take from the photo", "The prompts fill in the rest."))

    def agreed(self) -> "HybridRequest":
        """With as many prompts as there are components.

        Raises:
            Refused: a prompt is missing, or values do not go together.
        """
        if self.own and self.sampler not in ETAS:
            raise Refused("A part of your photo can be kept with DDIM or DDPM only; choose one of them.")
        if self.kernel % 2 == 0:
            raise Refused("The kernel must have an odd number of pixels.")
        if self.split == "three" and self.sigma_small >= self.sigma:
            raise Refused("The smaller sigma must be below the larger one.")
        given = (*self.prompts, "", "", "")[: len(self.parts)]
        for name, prompt in zip(self.parts, given, strict=True):
            if not prompt and name != self.own:
                raise Refused(f"A prompt is missing: what should be {READINGS[name]} ({name})?")
        return replace(self, prompts=given)

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


@dataclass(frozen=True, kw_only=True)
class Hybrids(TwoReadings):
    """Hybrids that run together. The photo, where there is one, is the input PHOTO, (64, 64, 3) uint8."""

    FILM = "distance"

    request: HybridRequest

    @property
    def prompts(self) -> Sequence[str]:
        r = self.request
        return [r.styled(p) for name, p in zip(r.parts, r.prompts, strict=True) if name != r.own]

    @property
    def questions(self) -> int:
        return len(self.request.parts) - bool(self.request.own)

    def settings(self) -> dict:
        """Those of its request: the photo stays with the person."""
        return self.request.settings()

    def _asked(self) -> Split:
        """The components that prompts answer for; the last takes over what the photo replaces after each step."""
        split = self.request.components()
        names = [name for name in split if name != self.request.own]
        others = [split[name] for name in names[:-1]]
        return {name: split[name] for name in names[:-1]} | {names[-1]: lambda x: x - sum(f(x) for f in others)}

    def run(self, device: str = "auto") -> Iterator[Step]:
        """Its Steps.

        Raises:
            Refused: a component is to come from a photo, and there is none.
        """
        r, photo = self.request, self.inputs.get(PHOTO)
        if r.own and photo is None:
            raise Refused("There is no photo yet: upload one, choose an example, or take nothing from it.")
        model = load(r.model, device)
        joined = bounded(hybrid(model, self._asked(), r.guidance))
        x, source = self.noise(model)
        cond = joined.encode([tuple(self.prompts)] * r.n)
        visits = visits_together(model.schedule.timesteps(r.steps), r.n)
        if not r.own:
            return in_pixels(joined, TEXT_SAMPLERS[r.sampler].run(joined, x, visits, cond, source))
        original = images.from_uint8(photo[None], -1, 1).to(x)
        keep = inverse_constraint(model.schedule, r.components()[r.own], original, source)
        return in_pixels(joined, ddim(joined, x, visits, cond, source, ETAS[r.sampler], keep))

    def source(self, name: str) -> str:
        """Where a component comes from: its prompt, or the photo."""
        r = self.request
        return "your photo" if name == r.own else f"“{r.prompts[r.parts.index(name)]}”"

    @property
    def caption(self) -> str:
        r = self.request
        parts = ", ".join(f"{name} {self.source(name)}" for name in r.parts)
        knob = {
            "frequencies": f"; σ = {r.sigma:g}",
            "three": f"; σ = {r.sigma:g} and {r.sigma_small:g}",
            "colour": "",
            "motion": f"; {r.length} pixels at {r.angle:g}°",
        }[r.split]
        return f"{r.model}: {parts}{knob}; {self.how}."

    @property
    def lane_titles(self) -> Sequence[str]:
        """What stands under every reading, nearest first."""
        parts = self.request.parts
        words = [f"{READINGS[name]}: {self.source(name)}" for name in parts]
        left = [f"its {' and '.join(parts[: k + 1])} part alone, {line}" for k, line in enumerate(words[:-1])]
        return [words[-1], *reversed(left)]

    def readings(self, pixels: np.ndarray) -> list[np.ndarray]:
        """(B, H, W, C) uint8 in every reading, nearest first: all components, without the last, ..., the first alone."""
        x = images.from_uint8(pixels, -1, 1)
        sums = accumulate(f(x) for f in list(self.request.components().values())[:-1])
        return [pixels, *(images.to_uint8(part, -1, 1) for part in reversed(list(sums)))]

    def receding(self, pixels: np.ndarray, n: int = 25, side: int = 256) -> list[np.ndarray]:
        """n frames (side, side, C) uint8 from the last reading of one picture (H, W, C) uint8 to the first one."""
        if self.request.split in ("frequencies", "three"):
            return images.stepping_back(pixels, n, side, FARTHEST)
        first = self.readings(pixels[None])[-1][0].astype(float)
        mixed = (np.rint(pixels + k * (first - pixels)).astype(np.uint8) for k in np.linspace(0, 1, n))
        return [images.enlarge(frame, side // len(pixels)) for frame in mixed]

    def film(self, pixels: np.ndarray) -> list[np.ndarray]:
        return there_and_back(self.receding(pixels, 17))
