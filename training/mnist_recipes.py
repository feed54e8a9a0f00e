"""The recipes of all MNIST checkpoints, with the published numbers."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.models.mnist import CLASSES, DDPM, FLOW, Classifier
from core.models.mnist_families import NETWORKS
from core.models.mnist_losses import Loss, critic_loss, digit_loss, generator_loss, noise, vae_loss
from core.models.mnist_unet import UNet
from core.models.noisy_classifier import NoisyClassifier


@dataclass(frozen=True)
class Recipe:
    """One row of the course's table (CS 180 project 5, part B)."""

    objective: str  # "ddpm", "flow", "denoiser", "denoiser-noise", "vae", "gan", "classifier" or "classifier-noisy"
    hidden: int  # D, the U-Net's hidden size; the width of another network
    batch: int
    epochs: int
    lr: float
    decay: float  # the learning rate's factor per epoch
    optimiser: str = "Adam"
    classes: int = 0
    p_uncond: float = 0.1  # the share of dropped classes, if there are classes
    ema: float = 0.999
    init: str = ""  # start from the weights of this checkpoint instead of random ones
    beta: float = 0.9  # how much of the gradients before the optimiser keeps

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
    # Three families: about as many weights each, and some eight minutes of one core
    "gan": Recipe("gan", 64, 64, 5, 5e-4, 0.7, classes=CLASSES, p_uncond=0.0, beta=0.5),
    "vae": Recipe("vae", 64, 64, 10, 4e-3, 0.1 ** (1 / 10), classes=CLASSES, p_uncond=0.0),
    "flow-small": Recipe("flow", 32, 64, 2, 2e-3, 0.2, classes=CLASSES),
}
UNSAID = {"beta": 0.9}
"""Fields missing in the recipes of the first runs."""


def build(recipe: Recipe) -> nn.Module:
    """The untrained network of a recipe."""
    if recipe.objective == "classifier":
        return Classifier(recipe.hidden)
    if recipe.objective == "classifier-noisy":
        return NoisyClassifier(recipe.hidden)
    if recipe.objective in NETWORKS:
        return NETWORKS[recipe.objective](recipe.hidden)
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


def losses_of(recipe: Recipe) -> tuple[Loss, ...]:
    """The recipe's loss(net, x, labels, generator): x (B, 1, 28, 28) in [0, 1], labels (B,), on one device. A GAN has
    two losses: first the critic's, then the generator's."""
    if recipe.objective == "gan":
        return critic_loss, generator_loss
    alone = {"vae": vae_loss, "classifier": _classifier_loss, "classifier-noisy": _noisy_classifier_loss}
    return (alone.get(recipe.objective) or digit_loss(recipe.objective, recipe.p_uncond),)


def _shifted(x: Tensor, g: torch.Generator) -> Tensor:
    """Digits shifted by up to two pixels, all by the same amount."""
    dy, dx = torch.randint(-2, 3, (2,), generator=g, device=x.device).tolist()
    return x.roll((dy, dx), (2, 3))


def _classifier_loss(net: nn.Module, x: Tensor, labels: Tensor, g: torch.Generator) -> Tensor:
    """Cross-entropy on shifted digits."""
    return F.cross_entropy(net(_shifted(x, g) if net.training else x).float(), labels)


def _noisy_classifier_loss(net: NoisyClassifier, x: Tensor, labels: Tensor, g: torch.Generator) -> Tensor:
    """Cross-entropy on shifted digits, noised to every t alike: every other one on the DDPM path, the rest on the flow's."""
    x = _shifted(x, g) if net.training else x
    eps, t = noise(x, g), torch.rand(len(x), generator=g, device=x.device)
    levels = torch.empty(2, len(x), 1, 1, 1, device=x.device)
    for k, path in enumerate((DDPM, FLOW)):
        levels[:, k::2] = torch.stack(path.at((t[k::2] * path.T).long(), x))
    a, s = levels
    return F.cross_entropy(net(a * x + s * eps, a, s).float(), labels)
