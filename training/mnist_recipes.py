"""The recipes of all MNIST checkpoints, with the published numbers."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.models.mnist import CLASSES, DDPM, FLOW, Classifier, ddpm_time
from core.models.mnist_unet import UNet
from core.models.noisy_classifier import NoisyClassifier

SIGMA = 0.5  # noise level of the single-step denoiser


@dataclass(frozen=True)
class Recipe:
    """One row of the course's table (CS 180 project 5, part B)."""

    objective: str  # "ddpm", "flow", "denoiser", "denoiser-noise", "classifier" or "classifier-noisy"
    hidden: int  # D, the U-Net's hidden size; a classifier's width
    batch: int
    epochs: int
    lr: float
    decay: float  # the learning rate's factor per epoch
    optimiser: str = "Adam"
    classes: int = 0
    p_uncond: float = 0.1  # the share of dropped classes, if there are classes
    ema: float = 0.999
    init: str = ""  # start from the weights of this checkpoint instead of random ones

    @property
    def time(self) -> bool:
        """Whether the network is conditioned on time."""
        return self.objective in ("ddpm", "flow")


RECIPES = {
    "classifier": Recipe("classifier", 32, 128, 8, 2e-3, 0.5),
    "ddpm-class": Recipe("ddpm", 64, 128, 20, 1e-3, 0.1 ** (1 / 20), classes=CLASSES),
    "flow-class": Recipe("flow", 64, 64, 10, 1e-2, 0.1 ** (1 / 10), classes=CLASSES),
    "denoiser": Recipe("denoiser", 128, 256, 5, 1e-4, 1.0),
    "ddpm-time": Recipe("ddpm", 64, 128, 20, 1e-3, 0.1 ** (1 / 20)),
    "flow-time": Recipe("flow", 64, 64, 10, 1e-2, 0.1 ** (1 / 10)),
    "flow-class-adamw": Recipe("flow", 64, 64, 10, 1e-3, 1.0, optimiser="AdamW", classes=CLASSES),
    "denoiser-noise": Recipe("denoiser-noise", 128, 256, 5, 1e-4, 1.0),
    "classifier-noisy": Recipe("classifier-noisy", 16, 128, 12, 2e-3, 0.7),
}


def build(recipe: Recipe) -> nn.Module:
    """The untrained network of a recipe."""
    if recipe.objective == "classifier":
        return Classifier(recipe.hidden)
    if recipe.objective == "classifier-noisy":
        return NoisyClassifier(recipe.hidden)
    return UNet(recipe.hidden, recipe.time, recipe.classes)


def without_class(weights: dict[str, Tensor], net: UNet) -> dict[str, Tensor]:
    """The weights of the unconditional U-Net that equals a class-conditioned one with its class dropped.

    With a zero class row, the scales c1, c2 are constants, and c * h + t = c * (h + t / c). The scale moves into the
    transposed convolution that reads h, its inverse into the last layer of t.

    Args:
        weights: of `net`, which has classes.
    """
    kept = {k: v.clone() for k, v in weights.items() if not k.startswith(("c1.", "c2."))}
    for scale, time, reader in ((net.c1, "t1", "up1.0"), (net.c2, "t2", "up2.0")):
        c = scale(torch.zeros(1, net.classes)).detach().flatten()
        kept[f"{reader}.weight"][: len(c)] *= c[:, None, None, None]
        kept[f"{time}.2.weight"] /= c[:, None]
        kept[f"{time}.2.bias"] /= c
    return kept


Loss = Callable[[nn.Module, Tensor, Tensor, torch.Generator], Tensor]


def loss_of(recipe: Recipe) -> Loss:
    """The recipe's loss(net, x, labels, generator): x (B, 1, 28, 28) in [0, 1], labels (B,), on one device."""
    return {
        "classifier": _classifier_loss,
        "classifier-noisy": _noisy_classifier_loss,
        "ddpm": lambda *args: _ddpm_loss(recipe.p_uncond, *args),
        "flow": lambda *args: _flow_loss(recipe.p_uncond, *args),
        "denoiser": lambda net, x, _, g: F.mse_loss(net(x + SIGMA * _noise(x, g)).float(), x),
        "denoiser-noise": lambda net, x, _, g: F.mse_loss(net(_noise(x, g)).float(), x),
    }[recipe.objective]


def _noise(x: Tensor, g: torch.Generator) -> Tensor:
    return torch.randn(x.shape, generator=g, device=x.device)


def _one_hot(labels: Tensor, p_uncond: float, g: torch.Generator) -> Tensor:
    """(B, 10) one-hot rows, each zeroed with probability p_uncond (Ho & Salimans 2022)."""
    keep = torch.rand(len(labels), generator=g, device=labels.device) >= p_uncond
    return F.one_hot(labels, CLASSES).float() * keep[:, None]


def _ddpm_loss(p_uncond: float, net: nn.Module, x_0: Tensor, labels: Tensor, g: torch.Generator) -> Tensor:
    """||net(x_t) - eps||^2 (Ho et al. 2020, eq. 14)."""
    t = torch.randint(DDPM.T, (len(x_0),), generator=g, device=x_0.device)
    eps = _noise(x_0, g)
    return F.mse_loss(net(DDPM.forward(x_0, t, eps), ddpm_time(t), _one_hot(labels, p_uncond, g)).float(), eps)


def _flow_loss(p_uncond: float, net: nn.Module, x_0: Tensor, labels: Tensor, g: torch.Generator) -> Tensor:
    """||net(x_tau) - (x_0 - eps)||^2 at x_tau = tau x_0 + (1 - tau) eps (Lipman et al. 2023, eq. 23)."""
    tau = torch.rand(len(x_0), generator=g, device=x_0.device)
    eps, a = _noise(x_0, g), tau.view(-1, 1, 1, 1)
    return F.mse_loss(net(a * x_0 + (1 - a) * eps, tau, _one_hot(labels, p_uncond, g)).float(), x_0 - eps)


def _shifted(x: Tensor, g: torch.Generator) -> Tensor:
    """Digits shifted by up to two pixels, all alike."""
    dy, dx = torch.randint(-2, 3, (2,), generator=g, device=x.device).tolist()
    return x.roll((dy, dx), (2, 3))


def _classifier_loss(net: nn.Module, x: Tensor, labels: Tensor, g: torch.Generator) -> Tensor:
    """Cross-entropy on shifted digits."""
    return F.cross_entropy(net(_shifted(x, g) if net.training else x).float(), labels)


def _noisy_classifier_loss(net: NoisyClassifier, x: Tensor, labels: Tensor, g: torch.Generator) -> Tensor:
    """Cross-entropy on shifted digits, noised to every t alike: every other one on the DDPM path, the rest on the flow's."""
    x = _shifted(x, g) if net.training else x
    eps, t = _noise(x, g), torch.rand(len(x), generator=g, device=x.device)
    levels = torch.empty(2, len(x), 1, 1, 1, device=x.device)
    for k, path in enumerate((DDPM, FLOW)):
        levels[:, k::2] = torch.stack(path.at((t[k::2] * path.T).long(), x))
    a, s = levels
    return F.cross_entropy(net(a * x + s * eps, a, s).float(), labels)
