"""The facts about a family of models that distillation needs. A teacher and its students are of one family."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.diffusion.denoiser import Denoiser, Prediction
from core.diffusion.guidance import guide
from core.diffusion.sampler_table import generate
from core.diffusion.schedule import Schedule
from core.diffusion.students import FEW_STEPS
from core.models import mnist_students
from core.models.mnist import CLASSES, FLOW, SHAPE, flow_time
from core.models.mnist_students import STUDENTS, StudentUNet
from core.models.registry import load
from core.models.scores import Statistics, accuracy, frechet_distance, judge, reference

QUICK = 300
"""Digits of a quick look; `benchmarks.fewer_steps` measures in full."""
SAMPLERS = {"fast": "few-steps", "consistency": "consistency"}


class Family(ABC):
    """A family of models, and what its students learn.

    Attributes:
        chunk: paths in a file.
        places: the steps of a path that are kept, a power of two: the most that a student learns.
        teacher_steps: the steps of the teacher's run; a multiple of `places`.
        kept: the type in which states are kept.
        scales: the smallest and the largest guidance scale.
        outside: the channels of a picture as the network sees it, see `training.muon.split`.
        quick_look: what the quick scores are called on the card.
        pictures: those that its teacher was trained on, and its students were not.
    """

    schedule: Schedule
    chunk: int
    places: int
    teacher_steps: int
    kept: torch.dtype
    scales: tuple[float, float]
    outside: int
    quick_look: str
    pictures: str

    @property
    def timesteps(self) -> Tensor:
        """(places + 1,) the timesteps of a path's kept states."""
        return torch.tensor([*self.schedule.timesteps(self.places), -1])

    def scale(self, n: int, g: torch.Generator) -> Tensor:
        """(n,) guidance scales, more of them small, where people use them most."""
        low, high = self.scales
        return low + (high - low) * torch.rand(n, generator=g) ** 2

    @abstractmethod
    def drawn(self, n: int, g: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """The start of n paths: noise (n, ...), labels (n, ...), which are classes or words, and guidance scales
        (n,)."""

    @abstractmethod
    def guided(self, teacher: Denoiser, w: Tensor) -> Denoiser:
        """The teacher with guidance scales w (B,)."""

    @abstractmethod
    def student(self, teacher: Any, levels: int) -> nn.Module:
        """A student's network with the teacher's weights; its new inputs change nothing yet."""

    @abstractmethod
    def conditions(self, net: nn.Module, labels: Tensor) -> Tensor:
        """(B, ...) the conditions for the teacher and its students, from labels."""

    @abstractmethod
    def output(self, net: nn.Module, x: Tensor, t: Tensor, labels: Tensor, w: Tensor, level: Tensor) -> Tensor:
        """The student's network's output, (B, ...)."""

    @abstractmethod
    def target(self, p: Prediction, x: Tensor, t: Tensor) -> Tensor:
        """The network's output for that prediction at x (B, ...), t (B,)."""

    @abstractmethod
    def architecture(self, net: nn.Module, objective: str) -> dict:
        """The architecture from which `core.models.registry` builds the network."""

    @property
    def facts(self) -> dict:
        """More for the card."""
        return {}

    @abstractmethod
    def look(self, run: Any, net: nn.Module, all_steps: bool) -> dict[str, dict]:
        """Number of steps -> quick scores of a student with that network: of all numbers of steps, or of three."""


class Digits(Family):
    """The flow model of digits."""

    schedule, chunk, places, teacher_steps, kept = FLOW, 250, FEW_STEPS[-1], FEW_STEPS[-1], torch.float32
    scales, outside, quick_look = mnist_students.SCALES, 1, f"quick_by_steps_{QUICK}"
    pictures = "digits of MNIST"

    def drawn(self, n: int, g: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        labels = torch.randint(CLASSES, (n,), generator=g)
        w = self.scale(n, g)
        return torch.randn(n, *SHAPE, generator=g), labels, w

    def guided(self, teacher: Denoiser, w: Tensor) -> Denoiser:
        return guide(teacher, w)

    def student(self, teacher: Any, levels: int) -> nn.Module:
        net = StudentUNet(teacher.net.places[0], levels)
        net.load_state_dict(teacher.net.state_dict(), strict=False)
        return net

    def conditions(self, net: nn.Module, labels: Tensor) -> Tensor:
        return F.one_hot(labels, CLASSES).float()

    def output(self, net: nn.Module, x: Tensor, t: Tensor, labels: Tensor, w: Tensor, level: Tensor) -> Tensor:
        return net(x, flow_time(t), self.conditions(net, labels), w, level)

    def target(self, p: Prediction, x: Tensor, t: Tensor) -> Tensor:
        """The mean velocity on the straight path, x_0 - eps."""
        return p.x_0 - p.eps

    def architecture(self, net: nn.Module, objective: str) -> dict:
        return {"objective": objective, "hidden": net.places[0], "levels": net.levels}

    def look(self, run: Any, net: nn.Module, all_steps: bool) -> dict[str, dict]:
        """Accuracy and Frechet distance."""
        kind = STUDENTS[run.recipe.objective]
        student = kind(net, kind.counts[0], device=run.device)
        counts = kind.counts if all_steps else kind.counts[:3]
        return {str(n): quick(student, SAMPLERS[run.recipe.objective], n) for n in counts}


def quick(student: mnist_students.DigitStudent, sampler: str, steps: int, guidance: float = 1.5, seed: int = 0) -> dict:
    """Accuracy and Frechet distance of QUICK digits."""
    *_, last = generate(student, [k % CLASSES for k in range(QUICK)], sampler, steps, guidance, seed)
    named, features = judge(load("classifier", "cpu"), last.x_t.clamp(0, 1).cpu())
    right = accuracy(named, torch.arange(QUICK) % CLASSES)
    return {"accuracy": round(right, 4), "frechet": round(frechet_distance(Statistics.of(features), reference()), 3)}
