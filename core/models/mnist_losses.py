"""The losses of the MNIST family, for the commands that make its checkpoints and for the networks that learn in the page.

Each is loss(net, x, labels, generator): x (B, 1, 28, 28) in [0, 1], labels (B,), on one device -> (). All random numbers
come from the generator.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.diffusion.schedule import Schedule
from core.models.mnist import CLASSES, DDPM, ddpm_time
from core.models.mnist_families import GAN, LATENT, VAE

SIGMA = 0.5
"""The noise level of the single-step denoiser."""
Loss = Callable[[nn.Module, Tensor, Tensor, torch.Generator], Tensor]


def digit_loss(objective: str, p_uncond: float = 0.1, path: Schedule = DDPM) -> Loss:
    """The loss of an objective: "ddpm", "flow", "denoiser" or "denoiser-noise".

    Args:
        p_uncond: the share of dropped classes, if there are classes.
        path: of "ddpm".
    """
    return {
        "ddpm": lambda *args: _ddpm_loss(path, p_uncond, *args),
        "flow": lambda *args: _flow_loss(p_uncond, *args),
        "denoiser": lambda net, x, _, g: F.mse_loss(net(x + SIGMA * noise(x, g)).float(), x),
        "denoiser-noise": lambda net, x, _, g: F.mse_loss(net(noise(x, g)).float(), x),
    }[objective]


def noise(x: Tensor, g: torch.Generator) -> Tensor:
    """Standard normal noise like x."""
    return torch.randn(x.shape, generator=g, device=x.device)


def dropped(labels: Tensor, p_uncond: float, g: torch.Generator) -> Tensor:
    """(B, 10) one-hot rows, each zeroed with probability p_uncond (Ho & Salimans 2022)."""
    keep = torch.rand(len(labels), generator=g, device=labels.device) >= p_uncond
    return F.one_hot(labels, CLASSES).float() * keep[:, None]


def _ddpm_loss(
    path: Schedule, p_uncond: float, net: nn.Module, x_0: Tensor, labels: Tensor, g: torch.Generator
) -> Tensor:
    """||net(x_t) - eps||^2 (Ho et al. 2020, eq. 14)."""
    t = torch.randint(path.T, (len(x_0),), generator=g, device=x_0.device)
    eps = noise(x_0, g)
    return F.mse_loss(net(path.forward(x_0, t, eps), ddpm_time(t, path.T), dropped(labels, p_uncond, g)).float(), eps)


def _flow_loss(p_uncond: float, net: nn.Module, x_0: Tensor, labels: Tensor, g: torch.Generator) -> Tensor:
    """||net(x_tau) - (x_0 - eps)||^2 at x_tau = tau x_0 + (1 - tau) eps (Lipman et al. 2023, eq. 23)."""
    tau = torch.rand(len(x_0), generator=g, device=x_0.device)
    eps, a = noise(x_0, g), tau.view(-1, 1, 1, 1)
    return F.mse_loss(net(a * x_0 + (1 - a) * eps, tau, dropped(labels, p_uncond, g)).float(), x_0 - eps)


def vae_loss(net: VAE, x: Tensor, labels: Tensor, g: torch.Generator) -> Tensor:
    """The negative ELBO in nats a digit, for Bernoulli pixels (Kingma & Welling 2014, eq. 10):
    -log p(x | z, c) at z = mean + sigma eps, and KL(N(mean, sigma^2) || N(0, 1)).
    """
    c = F.one_hot(labels, CLASSES).float()
    mean, log_variance = net.encode(x, c)
    z = mean + (log_variance / 2).exp() * noise(mean, g)
    surprise = F.binary_cross_entropy_with_logits(net.decoder(z, c).float(), x, reduction="sum")
    kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum() / 2
    return (surprise + kl) / len(x)


def critic_loss(net: GAN, x: Tensor, labels: Tensor, g: torch.Generator) -> Tensor:
    """-log sigmoid D(x) - log(1 - sigmoid D(G(z))), for the critic alone (Goodfellow et al. 2014, eq. 1)."""
    c = F.one_hot(labels, CLASSES).float()
    with torch.no_grad():
        drawn = _drawn(net, c, g)
    net.critic.requires_grad_(True)
    real, unreal = net.judge(torch.cat([x, drawn]), torch.cat([c, c])).chunk(2)
    return F.softplus(-real).mean() + F.softplus(unreal).mean()


def generator_loss(net: GAN, x: Tensor, labels: Tensor, g: torch.Generator) -> Tensor:
    """-log sigmoid D(G(z)), for the generator alone: the loss that does not saturate (Goodfellow et al. 2014, section 3)."""
    c = F.one_hot(labels, CLASSES).float()
    net.critic.requires_grad_(False)
    return F.softplus(-net.judge(_drawn(net, c, g), c)).mean()


def _drawn(net: GAN, c: Tensor, g: torch.Generator) -> Tensor:
    """(B, 1, 28, 28) digits of the classes c (B, 10), from codes of the generator g."""
    return net.decoder(torch.randn(len(c), LATENT, generator=g, device=c.device), c).float().sigmoid()
