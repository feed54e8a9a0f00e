"""The MNIST family as Denoisers: digits (1, 28, 28) in [0, 1], conditioned on a class 0 .. 9 or unconditional."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.diffusion.denoiser import NETWORK_LOCK, Denoiser, Prediction
from core.diffusion.schedule import Schedule
from core.models.mnist_unet import UNet, layout
from core.techniques.blocks import Watchable

SHAPE = (1, 28, 28)
CLASSES = 10
DDPM = Schedule.linear(300)
FLOW = Schedule.flow(1000)


def one_hot(labels: Sequence[int | None], device: torch.device | str = "cpu") -> Tensor:
    """(B, 10) one-hot rows; None gives a row of zeros, the dropped class of classifier-free guidance."""
    rows = torch.zeros(len(labels), CLASSES)
    for row, label in zip(rows, labels, strict=True):
        if label is not None:
            row[label] = 1
    return rows.to(device)


def ddpm_time(t: Tensor, T: int = DDPM.T) -> Tensor:
    """The DDPM network's time in (0, 1] for timesteps t (B,): (t + 1) / T."""
    return (t.float() + 1) / T


def flow_time(t: Tensor) -> Tensor:
    """The flow network's time tau in [0, 1) for timesteps t (B,): 1 - (t + 1) / T."""
    return 1 - (t.float() + 1) / FLOW.T


class Digits(Watchable, Denoiser):
    """A time-conditioned U-Net as a Denoiser; `path` says whether it predicts noise ("ddpm") or velocity ("flow").

    Args:
        schedule: another one than the usual of that path.
    """

    shape = SHAPE

    def __init__(self, net: UNet, path: str, device: torch.device | str = "cpu", schedule: Schedule | None = None):
        self.net, self.path, self.device = net, path, torch.device(device)
        self.schedule = schedule or {"ddpm": DDPM, "flow": FLOW}[path]

    def to(self, device: torch.device | str) -> "Digits":
        """The same network on another device."""
        return Digits(self.net.to(device, memory_format=layout(device)), self.path, device, self.schedule)

    def encode(self, prompts: Sequence[int | None]) -> Tensor:
        """(B, 10) one-hot rows; a network without classes ignores them."""
        return one_hot(prompts, self.device)

    @torch.no_grad()
    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        """One network call for x_t (B, 1, 28, 28), t (B,), cond (B, 10)."""
        time = flow_time(t) if self.path == "flow" else ddpm_time(t, self.schedule.T)
        with NETWORK_LOCK, self.watch(self.net):
            out = self.net(x_t.contiguous(memory_format=layout(x_t.device)), time, cond).float().contiguous()
        if self.path == "flow":
            return Prediction(*self.schedule.from_velocity(x_t, t, out))
        return Prediction(self.schedule.x_0(x_t, t, out), out)


class SingleStep(Watchable):
    """The single-step denoiser: estimates x from z = x + sigma eps, without being told sigma."""

    def __init__(self, net: UNet, device: torch.device | str = "cpu"):
        self.net, self.device = net, torch.device(device)

    def to(self, device: torch.device | str) -> "SingleStep":
        """The same network on another device."""
        return SingleStep(self.net.to(device, memory_format=layout(device)), device)

    @torch.no_grad()
    def restore(self, z: Tensor) -> Tensor:
        """(B, 1, 28, 28) noisy -> (B, 1, 28, 28) estimate of the clean digits, in one network call."""
        with NETWORK_LOCK, self.watch(self.net):
            return self.net(z.to(self.device)).float()


class Classifier(nn.Sequential):
    """A small CNN that classifies clean digits; its features give the Frechet distance."""

    def __init__(self, width: int = 32):
        w = width
        super().__init__(
            *(nn.Conv2d(1, w, 3, 1, 1), nn.BatchNorm2d(w), nn.ReLU()),
            *(nn.Conv2d(w, w, 3, 1, 1), nn.BatchNorm2d(w), nn.ReLU(), nn.MaxPool2d(2)),  # (B, w, 14, 14)
            *(nn.Conv2d(w, 2 * w, 3, 1, 1), nn.BatchNorm2d(2 * w), nn.ReLU()),
            *(nn.Conv2d(2 * w, 2 * w, 3, 1, 1), nn.BatchNorm2d(2 * w), nn.ReLU(), nn.MaxPool2d(2)),  # (B, 2w, 7, 7)
            *(nn.Conv2d(2 * w, 4 * w, 3, 1, 1), nn.BatchNorm2d(4 * w), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),  # (B, 4w)
            nn.Linear(4 * w, CLASSES),
        )

    def features(self, x: Tensor) -> Tensor:
        """(B, 1, 28, 28) in [0, 1] -> (B, 4 width) features before the last layer."""
        for layer in list(self)[:-1]:
            x = layer(x)
        return x


def build_unet(architecture: dict, weights: dict[str, Tensor]) -> UNet:
    """The U-Net of a card's "architecture" with its weights, for inference."""
    net = UNet(architecture["hidden"], architecture["time"], architecture["classes"])
    net.load_state_dict(weights)
    return net.eval().requires_grad_(False)


def build_digits(architecture: dict, weights: dict[str, Tensor]) -> Digits:
    """A DDPM or flow model from its card and weights. A DDPM with another T than the course's has its own path."""
    path = Schedule.linear(architecture["T"]) if architecture.get("T", DDPM.T) != DDPM.T else None
    return Digits(build_unet(architecture, weights), architecture["objective"], schedule=path)


def build_single_step(architecture: dict, weights: dict[str, Tensor]) -> SingleStep:
    """A single-step denoiser from its card and weights."""
    return SingleStep(build_unet(architecture, weights))


def build_classifier(architecture: dict, weights: dict[str, Tensor]) -> Classifier:
    """The classifier from its card and weights."""
    net = Classifier(architecture["hidden"])
    net.load_state_dict(weights)
    return net.eval().requires_grad_(False)
