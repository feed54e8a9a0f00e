"""Digits from noise."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from core.checks import ModelError, Refused, choice, real
from core.diffusion.noise import seeds
from core.diffusion.sampler_table import SAMPLERS, evaluations, generate, samplers_for
from core.diffusion.samplers import Step
from core.models.mnist import flow_time
from core.models.registry import availability, load, of_task, spec
from core.models.scores import judge
from core.pictures.images import grid
from core.runs.fields import SEED
from core.runs.frame import Frame
from core.runs.guided_digits import WEAKER_SHARE, default_guidance, guided_model, images_a_picture
from core.runs.plan import ESTIMATE, Plan
from core.runs.request import Choice, Model, Real, Request, Steps, Text, Whole, asked
from core.runs.single_step import ANSWERS, mean_of_answers
from core.wording import counted

MAX_PICTURES = 100
MAX_GUIDANCE = 10.0
MEAN = "mean"
"""The start on the mean digit."""


def digits_of(text: object) -> str:
    """The digits in a text, without spaces and hyphens. Raises Refused if there is none or another character."""
    digits = "".join(str(text or "").split()).replace("-", "")
    if not digits or not digits.isascii() or not digits.isdigit():
        raise Refused("Type digits from 0 to 9, such as 5101234; spaces and hyphens are ignored.")
    return digits


@dataclass(frozen=True)
class DigitModel(Model):
    """A model that draws digits, and is here."""

    def options(self) -> dict[str, str]:
        """name -> what people read."""
        return {model.name: model.title for model in of_task("digits")}

    def check(self, value: object, request: Request) -> str:
        model = spec(value)
        if model.task != "digits":
            raise ModelError(f"The model {model.name} does not generate digits from noise.")
        ready, sentence = availability(model.name)
        if not ready:
            raise ModelError(sentence)
        return model.name


@dataclass(frozen=True)
class DigitSampler(Choice):
    """A sampler for the path of the request's model."""

    def check(self, value: object, request: Request) -> str:
        model = spec(request.model)
        return choice(value, samplers_for(model.sampled), f"The sampler for {model.name}")


@dataclass(frozen=True)
class DigitGuidance(Real):
    """The guidance scale. A student's sampler allows only the scales that the student learned."""

    def check(self, value: object, request: Request) -> float:
        row = SAMPLERS.get(getattr(request, "sampler", None))
        if row is not None and row.scales:
            return real(value, *row.scales, f"The guidance with {row.title}")
        return super().check(value, request)


@dataclass(frozen=True)
class DigitStart(Choice):
    """Where a run starts; the mean digit is the answer of the pure-noise denoiser."""

    def check(self, value: object, request: Request) -> str:
        start = super().check(value, request)
        ready, sentence = availability(ANSWERS)
        if start == MEAN and not ready:
            raise ModelError(sentence)
        return start


def has_starts(model: str) -> bool:
    """Whether the start changes a model's digits: its path does not end in pure noise."""
    return spec(model).path == "ddpm"


def start_told(start: str) -> str:
    """The end of a phrase on a run: ", on the mean digit", or "" for pure noise."""
    return ", on the mean digit" * (start == MEAN)


TITLES = {name: sampler.title for name, sampler in SAMPLERS.items()}
DIGITS = Text("Digits", "One, all ten, or e.g. 5101234.", read=digits_of)
EACH = Whole("Of each", "1 to 100 rows.", "The number of each digit", low=1, high=MAX_PICTURES, slider=False)
DIGIT_SAMPLER = DigitSampler("Sampler", "Each model brings its own; another changes the model.", options=TITLES)
DIGIT_STEPS = Steps(
    "Steps", "1 to 300 with Euler and Heun, to 100 with DDIM; students 1, 2, 4, 8, 16.", low=1, high=300, table=SAMPLERS
)
DIGIT_GUIDANCE = DigitGuidance(
    "Guidance w",
    "0 to 10: 0 ignores the class, 1 obeys it, more insists. Without classes 0 is a smaller network alone, 1 the model alone, more leads away from the smaller.",
    "The guidance",
    high=MAX_GUIDANCE,
    step=0.5,
)
START = DigitStart(
    "Start",
    "The course starts in pure noise. At DDPM's last level 22 % of the digit is left, so on the mean digit it starts "
    "nearer to what it learned. Flow does end in pure noise, so it has no other start.",
    options={"noise": "pure noise", MEAN: "noise on the mean digit"},
)


@dataclass(frozen=True)
class DigitRequest(Request):
    """What to draw, and how.

    Args:
        digits: the classes, left to right, as text: "7", "0123456789", "5101234".
        each: pictures of each digit, one row apiece.
        sampler: fits the model.
        guidance: w of classifier-free guidance, 0 unconditional, 1 conditional; without classes w of autoguidance.
        seed: of the first picture; picture k has seed + k.
        start: "noise", or MEAN for noise on the mean digit, which changes nothing on a path that ends in pure noise.
    """

    digits: str = asked("0123456789", DIGITS)
    each: int = asked(2, EACH)
    model: str = asked("flow-class", DigitModel("Model"))
    sampler: str = asked("euler", DIGIT_SAMPLER)
    steps: int = asked(20, DIGIT_STEPS)
    guidance: float = asked(1.5, DIGIT_GUIDANCE)
    seed: int = asked(180, SEED)
    start: str = asked("noise", START)

    @classmethod
    def of(cls, model: str) -> "DigitRequest":
        """The default request for a model: its everyday sampler, with that sampler's steps and guidance."""
        own = spec(model).defaults
        sampler = own["sampler"]
        usual = {"steps": SAMPLERS[sampler].steps[1], "guidance": default_guidance(model, sampler)}
        return cls(model=model, **usual | own)

    def agreed(self) -> "DigitRequest":
        """The request itself. Raises Refused if it has too many pictures."""
        n = len(self.digits) * self.each
        if n > MAX_PICTURES:
            raise Refused(f"That would be {n} pictures; at most {MAX_PICTURES} fit in one run.")
        return self

    @property
    def labels(self) -> list[int]:
        """The class requested for every picture, row by row: `each` rows of the digits."""
        return [int(d) for d in self.digits] * self.each

    @property
    def columns(self) -> int:
        """Pictures in a row of the grid; ten for many pictures of one digit."""
        return min(self.each, 10) if len(self.digits) == 1 else len(self.digits)

    @property
    def scale(self) -> float:
        """The guidance scale that is used; a model that nothing guides has none."""
        return self.guidance if spec(self.model).guided else 1.0

    @property
    def about(self) -> str:
        """What the picture is: model, sampler, steps, guidance, seed."""
        model, how = spec(self.model), SAMPLERS[self.sampler].title
        text = f"{model.title}; {how if '300 steps' in how else f'{how}, {counted(self.steps)}'}; "
        if model.conditional:
            text += f"guidance {self.guidance:g}; "
        elif not model.weaker:
            text += "no class, so no guidance; "
        elif self.scale in (0, 1):
            text += f"no class, {(model.weaker, self.model)[int(self.scale)]} alone; "
        else:
            text += f"autoguidance {self.guidance:g}, away from {model.weaker}; "
        return text + f"seed {self.seed}{start_told(self.start) * self.on_the_mean}."

    @property
    def on_the_mean(self) -> bool:
        """Whether the run starts on the mean digit."""
        return self.start == MEAN and has_starts(self.model)

    def cost(self) -> tuple[int, float]:
        """(network calls, images in each call); an image of the weaker network counts as a share of one."""
        calls, images = evaluations(self.sampler, self.steps, self.scale, len(self.labels))
        if spec(self.model).weaker:
            images = len(self.labels) * images_a_picture(self.scale)
        return calls, images

    def run(self, device: str = "auto") -> Iterator[Step]:
        """The Steps of this request."""
        mean = mean_of_answers(device) if self.on_the_mean else None
        model, scale = guided_model(self.model, self.guidance, device)
        return generate(model, self.labels, self.sampler, self.steps, scale, self.seed, mean)


def flow_clock(model: str, t: int) -> str:
    """The time of flow matching, 0 noise and 1 a digit, at a timestep: "τ = 0.25"; "" for a model of another path."""
    return f"τ = {flow_time(torch.tensor(t)):.2f}" if spec(model).path == "flow" else ""


@dataclass(frozen=True, kw_only=True)
class Digits(Plan):
    """Digits from noise, in a grid."""

    GAP = 1
    RANGE = (0.0, 1.0)

    request: DigitRequest

    @property
    def count(self) -> int:
        return len(self.request.labels)

    @property
    def columns(self) -> int:
        return self.request.columns

    @property
    def beside(self) -> int:
        return 1 if self.columns > 1.6 * (self.count / self.columns) else 2

    @property
    def lane_titles(self) -> Sequence[str]:
        return (ESTIMATE, "x_t: the state, from noise to digits")

    def cost(self) -> tuple[int, float]:
        return self.request.cost()

    @property
    def remark(self) -> str:
        r = self.request
        weaker = spec(r.model).weaker
        return f"; an image of the smaller {weaker} counts as {WEAKER_SHARE:g}" if weaker and r.scale != 1 else ""

    def run(self, device: str = "auto") -> Iterator[Step]:
        return self.request.run(device)

    def judged(self, pixels: np.ndarray, device: str) -> str:
        return as_read(self.request, pixels, device)

    def clock(self, t: int) -> str:
        return flow_clock(self.model, t)

    @property
    def caption(self) -> str:
        return self.request.about

    @property
    def name(self) -> str:
        r = self.request
        return f"digits-{r.digits[:12]}-{r.model}-seed-{r.seed}"

    @property
    def titles(self) -> Sequence[str]:
        each = zip(self.request.labels, seeds(self.request.seed, self.count), strict=True)
        return [f"{k:03d}-digit-{label}-seed-{seed}" for k, (label, seed) in enumerate(each)]

    def film(self, frame: Frame) -> np.ndarray:
        """The states from noise to digits, as in the course."""
        return grid(frame.x_t, self.columns)


PLANS = {"digits": lambda r: Digits(request=r)}


def as_read(request: DigitRequest, pixels: np.ndarray, device: str) -> str:
    """A sentence on how the classifier reads the pictures, (B, 28, 28, 1) uint8."""
    named, asked_for = read(pixels, device), "".join(map(str, request.labels))
    if not spec(request.model).conditional:
        return f"The classifier reads {named}."
    right = sum(a == b for a, b in zip(named, asked_for, strict=True))
    return f"The classifier reads {right} of {len(asked_for)} as asked."


def read(pixels: np.ndarray, device: str = "auto") -> str:
    """The classifier's readings of pictures (N, 28, 28, 1) uint8, as a string of N digits."""
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    classifier = load("classifier", device)
    named, _ = judge(classifier, x.to(next(classifier.parameters()).device))
    return "".join(str(k) for k in named.tolist())
