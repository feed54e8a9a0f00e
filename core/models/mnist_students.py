"""Students of the flow model of digits: one network call a step, with guidance w and the step size as inputs."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.checks import Refused
from core.diffusion.denoiser import NETWORK_LOCK, Prediction
from core.diffusion.students import FEW_STEPS, Student, checked
from core.models.mnist import CLASSES, FLOW, SHAPE, flow_time, one_hot
from core.models.mnist_unet import UNet, layout

SCALES = (1.0, 5.0)
"""The guidance scales that the students learn."""
GUIDANCE = 1.5
WIDTH = 128


class StudentUNet(UNet):
    """The flow model's U-Net with two more inputs, which at first change nothing.

    They enter as a scale and a shift of the channels after each block, from zero-initialised layers (FiLM: Perez et
    al. 2018; zero: Peebles & Xie 2023, section 3.2).

    Args:
        hidden: D, as the teacher's.
        levels: how many step sizes it takes; 0 for a network without that input.
    """

    def __init__(self, hidden: int, levels: int):
        super().__init__(hidden, time=True, classes=CLASSES)
        self.levels = levels
        self.inputs = nn.Sequential(
            *(nn.Linear(2 + levels + CLASSES, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH), nn.GELU())
        )
        self.films = nn.ModuleList(nn.Linear(WIDTH, 2 * channels) for channels in self.places)
        for film in self.films:
            nn.init.zeros_(film.weight)
            nn.init.zeros_(film.bias)

    def forward(self, x: Tensor, t: Tensor, c: Tensor, w: Tensor, level: Tensor) -> Tensor:
        """The mean velocity over the step.

        Args:
            x: (B, 1, 28, 28) noisy digits.
            t: (B,) time in [0, 1], 0 for noise.
            c: (B, 10) one-hot rows.
            w: (B,) guidance scale in [1, 5].
            level: (B,) index of the step size, 2^-level; ignored by a network without that input.

        Returns:
            (B, 1, 28, 28).
        """
        size = nn.functional.one_hot(level, self.levels).to(x) if self.levels else x.new_zeros(len(x), 0)
        e = self.inputs(torch.cat([t[:, None].to(x), (w[:, None].to(x) - 1) / 4, size, c.to(x)], 1))  # (B, WIDTH)

        def film(place: int, h: Tensor) -> Tensor:
            scale, shift = self.films[place](e)[..., None, None].chunk(2, 1)  # (B, C, 1, 1) each
            return h * (1 + scale) + shift

        return super().forward(x, t, c, film)


class DigitStudent(Student):
    """A student of the flow model. A condition is a one-hot row and the guidance scale, (B, 11).

    Args:
        steps: the number of steps of the run, one of `counts`.
        guidance: w in [1, 5].
    """

    shape, schedule, scales = SHAPE, FLOW, SCALES

    def __init__(self, net: StudentUNet, steps: int, guidance: float = GUIDANCE, device: torch.device | str = "cpu"):
        checked(self.counts, self.scales, steps, guidance)
        self.net, self.steps, self.guidance, self.device = net, steps, guidance, torch.device(device)

    def to(self, device: torch.device | str) -> "DigitStudent":
        """The same network on another device."""
        return type(self)(self.net.to(device, memory_format=layout(device)), self.steps, self.guidance, device)

    def for_steps(self, steps: int, guidance: float) -> "DigitStudent":
        """See the base class. Raises Refused for what it did not learn."""
        return type(self)(self.net, steps, guidance, self.device)

    def encode(self, prompts: Sequence[int | None]) -> Tensor:
        """(B, 11): one-hot rows, and the guidance scale."""
        return torch.cat([one_hot(prompts), torch.full((len(prompts), 1), float(self.guidance))], 1).to(self.device)

    def call(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        """The network's velocity, (B, 1, 28, 28), without the lock."""
        level = torch.full_like(t, self.steps.bit_length() - 1, dtype=torch.long)
        x = x_t.contiguous(memory_format=layout(x_t.device))
        return self.net(x, flow_time(t), cond[:, :CLASSES], cond[:, CLASSES], level)

    @torch.no_grad()
    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        """One network call for x_t (B, 1, 28, 28), t (B,), cond (B, 11)."""
        with NETWORK_LOCK:
            u = self.call(x_t, t, cond).float().contiguous()
        return Prediction(*self.schedule.from_velocity(x_t, t, u))


class FastDigits(DigitStudent):
    """The student whose velocity is the mean over a step of size 1 / steps (Frans et al. 2025, "One step diffusion via
    shortcut models"): an Euler step ends where the teacher's path does."""

    counts = FEW_STEPS

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        """See the base class. Raises Refused for a timestep that does not begin one of its steps."""
        if not set(t.tolist()) <= set(self.schedule.timesteps(self.steps)):
            raise Refused(f"This student, set to {self.steps} steps, must start each of them where it learned to.")
        return super().predict(x_t, t, cond)


class ConsistentDigits(DigitStudent):
    """The student whose clean estimate is the end of the path through x_t, from any t (Song et al. 2023)."""

    counts = (1, 2, 4)


STUDENTS = {"fast": FastDigits, "consistency": ConsistentDigits}


def build_student(architecture: dict, weights: dict[str, Tensor]) -> DigitStudent:
    """A student from its card and weights."""
    net = StudentUNet(architecture["hidden"], architecture["levels"])
    net.load_state_dict(weights)
    kind = STUDENTS[architecture["objective"]]
    return kind(net.eval().requires_grad_(False), kind.counts[-1])
