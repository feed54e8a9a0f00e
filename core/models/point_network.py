"""Small networks for points in the plane: a denoiser and a noise-aware classifier, quick enough to train before one's eyes."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.checks import Refused
from core.diffusion.denoiser import Denoiser, Prediction
from core.diffusion.schedule import Schedule
from core.models.first_weights import begun

CLASSES = 2
FREQUENCIES = (0.5, 1.0, 2.0, 4.0)
"""The frequencies of the Fourier features of both coordinates, in radians per unit."""
TIMES = (1.0, 2.0, 4.0, 8.0)
"""The frequencies of the Fourier features of time, in half turns from the clean end to pure noise."""
TARGETS = {
    "v": "v = a eps - s x_0",
    "eps": "the noise eps",
    "x_0": "the clean point x_0",
    "u": "the velocity u = x_0 - eps",
}
"""The possible outputs of a network."""


class PointNet(nn.Module):
    """A multilayer perceptron of a point, the time and a class.

    Args:
        width, depth: of its hidden layers.
        outputs: numbers that it gives out.
        classes: the number of classes; it has one more input for "no class". 0 for none.
    """

    def __init__(self, width: int = 128, depth: int = 3, outputs: int = 2, classes: int = CLASSES):
        super().__init__()
        self.register_buffer("frequencies", torch.tensor(FREQUENCIES))
        self.register_buffer("times", torch.pi * torch.tensor(TIMES))
        inputs = 2 + 4 * len(FREQUENCIES) + 1 + 2 * len(TIMES)
        self.first = nn.Linear(inputs, width)
        self.classes = nn.Embedding(classes + 1, width) if classes else None
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(depth - 1))
        self.last = nn.Linear(width, outputs)

    def forward(self, x: Tensor, tau: Tensor, c: Tensor | None = None) -> Tensor:
        """(B, outputs) for points x (B, 2), times tau (B,) from 0, clean, to 1, noise, and classes c (B,)."""
        h = self.first(self._features(x, tau))
        if self.classes is not None:
            h = h + self.classes(c)
        h = F.silu(h)
        for layer in self.hidden:
            h = F.silu(layer(h))
        return self.last(h)

    def _features(self, x: Tensor, tau: Tensor) -> Tensor:
        """(B, inputs): both coordinates and the time, each with its sines and cosines (Tancik et al. 2020)."""
        waves = (x[:, :, None] * self.frequencies).flatten(1)
        beats = tau[:, None] * self.times
        return torch.cat([x, waves.sin(), waves.cos(), tau[:, None], beats.sin(), beats.cos()], 1)


def new_net(source: torch.Generator, width: int, depth: int, outputs: int = 2, classes: int = CLASSES) -> PointNet:
    """A `PointNet` with first weights from a generator."""
    return begun(lambda: PointNet(width, depth, outputs, classes), source)


class PointDenoiser(Denoiser):
    """A trained `PointNet` as a Denoiser. A prompt is a class 0 .. CLASSES - 1, or None.

    Args:
        target: what the network gives out, a key of TARGETS.
    """

    def __init__(self, net: PointNet, schedule: Schedule, target: str):
        self.net, self.schedule, self.target = net, schedule, target
        self.shape, self.device = (2,), net.last.weight.device

    def encode(self, prompts: Sequence[int | None]) -> Tensor:
        """(B,) rows of the class embedding; the last one stands for no class."""
        if any(p is not None and p not in range(CLASSES) for p in prompts):
            raise Refused(f"The class must be a whole number from 0 to {CLASSES - 1}.")
        return torch.tensor([CLASSES if p is None else p for p in prompts], device=self.device)

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        """The two ends of the path from the network's one answer."""
        return read(self.schedule, self.target, x_t, t, self.net(x_t, time_of(self.schedule, t, x_t), cond))


def time_of(schedule: Schedule, t: Tensor, x: Tensor) -> Tensor:
    """Timesteps t (B,) as times 0, clean, to 1, noise, in x's dtype."""
    return (t.to(x.device, x.dtype) + 1) / schedule.T


def read(schedule: Schedule, target: str, x_t: Tensor, t: Tensor, out: Tensor) -> Prediction:
    """(x_0, eps) of what a network with that target gave out for x_t (B, ...) at t (B,).

    Where a_t = 0, the noise says nothing about x_0; its estimate is then 0, the mean of centred data.
    """
    if target == "v":
        return Prediction(*schedule.from_v(x_t, t, out))
    if target == "u":
        return Prediction(*schedule.from_velocity(x_t, t, out))
    if target == "x_0":
        return Prediction(out, schedule.eps(x_t, t, out))
    a, _ = schedule.at(t, x_t)
    return Prediction(torch.where(a > 0, schedule.x_0(x_t, t, out), torch.zeros_like(x_t)), out)


def wanted(schedule: Schedule, target: str, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    """The wanted output of a network with that target, (B, ...)."""
    a, s = schedule.at(t, x_0)
    return {"v": a * eps - s * x_0, "u": x_0 - eps, "x_0": x_0, "eps": eps}[target]
