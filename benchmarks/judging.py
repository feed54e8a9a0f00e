"""Draw digits for the scoreboard, let the shipped classifier judge them, and time ten of them."""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.denoiser import Denoiser, Prediction, Technique
from core.digits import DigitRequest
from core.generate import evaluations, generate
from core.images import data_uri, grid, png, to_uint8
from core.models.mnist import CLASSES, SHAPE
from core.recording import Recording
from core.registry import CHECKPOINTS, load, spec
from core.rng import MAX_SEED, generator
from core.scores import Statistics, accuracy, frechet_distance, judge, reference

BATCH = 100
PREVIEW_SECONDS = 0.12  # as in the app
GUIDANCE = DigitRequest().guidance


@dataclass(frozen=True)
class Case:
    """One row of the scoreboard: what to draw, how, and how many."""

    group: str
    model: str
    sampler: str
    steps: int
    guidance: float
    digits: int

    @property
    def key(self) -> tuple:
        """What makes two rows the same measurement."""
        return self.group, self.model, self.sampler, self.steps, self.guidance

    @property
    def asked(self) -> bool:
        """Whether the model was asked for classes, so that accuracy means something."""
        return spec(self.model).conditional and self.guidance != 0

    @property
    def labels(self) -> list[int]:
        """The class asked of every picture: 0 .. 9 in turn."""
        return [k % CLASSES for k in range(self.digits)]

    @property
    def work(self) -> int:
        """Images that go through the network."""
        calls, images = evaluations(self.sampler, self.steps, self.guidance, self.digits)
        return calls * images


class Bfloat16(Technique):
    """The same denoiser with its convolutions and matrix products in bfloat16."""

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        """As the denoiser inside; autocast leaves the elementwise path arithmetic in float32."""
        with torch.autocast(self.device.type, torch.bfloat16):
            return self.inner.predict(x_t, t, cond)


@dataclass(frozen=True)
class Judge:
    """Where models come from and run, and what a case then scores.

    Args:
        bf16: draw in bfloat16; timings are always taken in float32, as the app runs.
        folder: of the checkpoints that draw; the classifier that judges is always the shipped one.
    """

    device: str = "auto"
    seed: int = 0
    bf16: bool = False
    folder: Path = CHECKPOINTS

    def draw(self, case: Case, advance: Callable[[float], object] = lambda work: None) -> np.ndarray:
        """The case's digits (N, 28, 28) uint8, whatever the batch size: picture k has seed + k."""
        model = load(case.model, self.device, self.folder)
        model, parts = Bfloat16(model) if self.bf16 else model, []
        for start in range(0, case.digits, BATCH):
            labels = case.labels[start : start + BATCH]
            seed = (self.seed + start) % (MAX_SEED + 1)
            for step in generate(model, labels, case.sampler, case.steps, case.guidance, seed):
                advance(case.work * len(labels) / case.digits / (step.n + 1))
            parts.append(to_uint8(step.x_t)[..., 0])
        return np.concatenate(parts)

    def look(self, pixels: np.ndarray) -> tuple[Tensor, float]:
        """Classes that the classifier names in (N, 28, 28) uint8, and the Frechet distance to the training digits."""
        classifier = load("classifier", self.device)
        x = torch.from_numpy(pixels)[:, None].float() / 255
        named, features = judge(classifier, x.to(next(classifier.parameters()).device))
        return named.cpu(), frechet_distance(Statistics.of(features.cpu()), reference("train"))

    def row(self, case: Case, pixels: np.ndarray, seconds: float) -> dict:
        """The case with its scores."""
        named, distance = self.look(pixels)
        right = round(accuracy(named, torch.tensor(case.labels)), 4) if case.asked else None
        precision = "bfloat16" if self.bf16 else "float32"
        scores = {"accuracy": right, "frechet": round(distance, 4), "seconds": round(seconds, 1)}
        return asdict(case) | scores | {"precision": precision}

    def scale(self, n: int) -> dict:
        """The two ends of the scale: real test digits, all and n of them, and n pictures of uniform noise."""
        real, noise = real_digits(n, self.seed), torch.rand(n, *SHAPE[1:], generator=generator(self.seed))
        return {
            "test_full": round(frechet_distance(reference("test"), reference("train")), 4),
            "test_same_n": None if real is None else round(self.look(real)[1], 4),
            "n": n,
            "noise": round(self.look((noise * 255).round().byte().numpy())[1], 1),
        }

    def speed(self, name: str, sampler: str, steps: int, most: float, rounds: int) -> list[dict]:
        """Ten digits at default guidance, and what the live preview adds to them, each against its limit."""
        model = load(name, self.device, self.folder)
        timed(model, sampler, 2, self.seed, preview=True)  # warms up
        times = [[timed(model, sampler, steps, self.seed, p) for p in (False, True)] for _ in range(rounds)]
        bare, shown = zip(*times, strict=True)
        run = {"model": name, "sampler": sampler, "steps": steps, "threads": torch.get_num_threads()}
        what, median = f"ten digits, {name}, {sampler} {steps}", statistics.median
        percent = 100 * (min(shown) / min(bare) - 1)
        cost = {"seconds": round(median(shown), 2), "percent": round(percent, 1), "most": 5.0}
        return [
            {"what": what, "seconds": round(median(bare), 2), "most": most} | run,
            {"what": f"live preview of {what}"} | cost | run,
        ]


def real_digits(n: int, seed: int) -> np.ndarray | None:
    """n of MNIST's test digits (n, 28, 28) uint8, chosen at random; None where the data set is not at hand."""
    try:
        from training.data import mnist

        images, _ = mnist(train=False)
    except (ImportError, FileNotFoundError):
        return None
    chosen = torch.randperm(len(images), generator=generator(seed))[:n]
    return images[chosen, 0].numpy() if n <= len(images) else None


def timed(model: Denoiser, sampler: str, steps: int, seed: int, preview: bool) -> float:
    """Seconds from request to result for the ten digits, with or without the app's recording and preview pictures."""
    recording, last, started = Recording({}), 0.0, time.monotonic()
    run = generate(model, range(CLASSES), sampler, steps, GUIDANCE, seed)
    for step in recording.follow(run) if preview else run:
        if preview and time.monotonic() - last >= PREVIEW_SECONDS:
            last, frame = time.monotonic(), recording.frame(step)
            for lane in (frame.x_t, frame.x_0):
                data_uri(png(grid(lane, CLASSES)))
    step.x_t.cpu()  # waits for the device
    return time.monotonic() - started
