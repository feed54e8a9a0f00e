"""Draw digits for the scoreboard, let the shipped classifier judge them, and time ten of them."""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.scoreboard import Case
from core.diffusion.denoiser import Denoiser, Prediction, Technique
from core.diffusion.noise import MAX_SEED, generator
from core.diffusion.sampler_table import generate
from core.models.mnist import CLASSES, SHAPE
from core.models.registry import CHECKPOINTS, load
from core.models.scores import Statistics, accuracy, frechet_distance, judge, reference
from core.pictures.images import data_uri, grid, png, to_uint8
from core.runs.guided_digits import default_guidance, guided_model
from core.runs.mnist import MEAN, DigitRequest, Digits
from core.runs.recording import Recording
from core.runs.single_step import mean_of_answers

BATCH = 100
PREVIEW_SECONDS = 0.12  # as in the app
MOST_PERCENT = 5.0  # the highest cost of the preview
SPEED = {("flow-class", "euler", 20): (3, 3.0), ("ddpm-class", "ddpm", 300): (1, 40.0)}  # rounds, seconds at most


class Bfloat16(Technique):
    """The same denoiser with its convolutions and matrix products in bfloat16."""

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        """Call the inner denoiser. Autocast leaves the elementwise path arithmetic in float32."""
        with torch.autocast(self.device.type, torch.bfloat16):
            return self.inner.predict(x_t, t, cond)


@dataclass(frozen=True)
class Judge:
    """The source and the device of the models, and the scores of a case.

    Args:
        bf16: draw in bfloat16. Timings of ten digits stay in float32, as the app runs.
        folder: of the checkpoints that draw; the classifier is always the shipped one.
    """

    device: str = "auto"
    seed: int = 0
    bf16: bool = False
    folder: Path = CHECKPOINTS

    def draw(self, case: Case, advance: Callable[[float], object] = lambda work: None) -> np.ndarray:
        """The case's digits (N, 28, 28) uint8; picture k has seed + k in any batch."""
        model, scale = guided_model(case.model, case.guidance, self.device, self.folder)
        model, parts = Bfloat16(model) if self.bf16 else model, []
        mean = mean_of_answers(self.device) if case.start == MEAN else None
        for start in range(0, case.digits, BATCH):
            labels = case.labels[start : start + BATCH]
            seed = (self.seed + start) % (MAX_SEED + 1)
            for step in generate(model, labels, case.sampler, case.steps, scale, seed, mean):
                advance(case.work * len(labels) / case.digits / (step.n + 1))
            parts.append(to_uint8(step.x_t)[..., 0])
        return np.concatenate(parts)

    def look(self, pixels: np.ndarray) -> tuple[Tensor, float]:
        """The predicted classes (N,) of (N, 28, 28) uint8, and the Frechet distance to training digits."""
        classifier = load("classifier", self.device)
        x = torch.from_numpy(pixels)[:, None].float() / 255
        named, features = judge(classifier, x.to(next(classifier.parameters()).device))
        return named.cpu(), frechet_distance(Statistics.of(features.cpu()), reference("train"))

    def row(self, case: Case, pixels: np.ndarray, seconds: float) -> dict:
        """The case with its scores."""
        named, distance = self.look(pixels)
        right = round(accuracy(named, torch.tensor(case.labels)), 4) if case.asks else None
        scores = {"accuracy": right, "frechet": round(distance, 4), "seconds": round(seconds, 1)}
        return asdict(case) | scores | {"precision": "bfloat16" if self.bf16 else "float32"}

    def scale(self, n: int) -> dict:
        """The two ends of the scale: real test digits (all, and n of them) and n pictures of uniform noise."""
        real, noise = real_digits(n, self.seed), torch.rand(n, *SHAPE, generator=generator(self.seed))
        return {
            "test_full": round(frechet_distance(reference("test"), reference("train")), 4),
            "test_same_n": None if real is None else round(self.look(real)[1], 4),
            "n": n,
            "noise": round(self.look(to_uint8(noise)[..., 0])[1], 1),
        }

    def speed(self, name: str, sampler: str, steps: int) -> list[dict]:
        """The time of ten digits at default guidance, and that of the live preview, if there are enough rounds."""
        rounds, most = SPEED[name, sampler, steps]
        model, threads = load(name, self.device, self.folder), torch.get_num_threads()
        guidance = default_guidance(name, sampler)
        timed(model, sampler, 2, guidance, self.seed, preview=True)  # warms up
        bare, live = [], []
        for _ in range(rounds):  # in turns, so that a busy machine slows both
            bare.append(timed(model, sampler, steps, guidance, self.seed))
            live += [timed(model, sampler, steps, guidance, self.seed, preview=True)] if rounds > 1 else []
        what, middle = f"ten digits, {name}, {sampler} {steps}", statistics.median
        rows = [{"what": f"{what}: seconds", "seconds": round(middle(bare), 2), "most": most, "threads": threads}]
        if live:
            cost = {"seconds": round(middle(live), 2), "percent": round(100 * (min(live) / min(bare) - 1), 1)}
            rows += [{"what": f"{what}: live preview, %"} | cost | {"most": MOST_PERCENT, "threads": threads}]
        return rows


def real_digits(n: int, seed: int) -> np.ndarray | None:
    """n random test digits of MNIST (n, 28, 28) uint8; None without the data set."""
    try:
        from core.datasets.mnist import mnist

        images, _ = mnist(train=False)
    except (ImportError, FileNotFoundError):
        return None
    chosen = torch.randperm(len(images), generator=generator(seed))[:n]
    return images[chosen, 0].numpy() if n <= len(images) else None


def timed(model: Denoiser, sampler: str, steps: int, guidance: float, seed: int, preview: bool = False) -> float:
    """Seconds from request to result for the ten digits, with or without the app's recording and preview pictures."""
    recording, last, started = Recording(Digits(request=DigitRequest())), 0.0, time.monotonic()
    run = generate(model, range(CLASSES), sampler, steps, guidance, seed)
    for step in recording.follow(run) if preview else run:
        if preview and step.i < step.n and time.monotonic() - last >= PREVIEW_SECONDS:
            last, frame = time.monotonic(), recording.frame(step)
            for lane in (frame.x_t, frame.x_0):
                data_uri(png(grid(lane, CLASSES)))
    step.x_t.cpu()  # waits for the device
    return time.monotonic() - started
