"""The other families, a VAE and a GAN. Both draw a digit of a class in one network call, with networks of one form.

    z (B, 8), class ── Linear ── 7x7, 2C ── ConvTranspose ── 14x14, C ── ConvTranspose ── logits 28x28      Decoder
    x 28x28 ── Conv ── 14x14, C ── Conv ── 7x7, 2C ── Flatten ── Linear                                     encoder, critic

Sources: VAE: Kingma & Welling 2014; GAN: Goodfellow et al. 2014; its form: Radford et al. 2016 (DCGAN).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.diffusion.denoiser import NETWORK_LOCK
from core.models.mnist import CLASSES, one_hot

LATENT = 8
"""The numbers in a code."""
SLOPE = 0.2
"""The slope of the leaky ReLUs, as in DCGAN."""


class Decoder(nn.Module):
    """Map a code and a class to a digit; C is `hidden`."""

    def __init__(self, hidden: int):
        super().__init__()
        c = hidden
        self.layers = nn.Sequential(
            *(
                nn.Linear(LATENT + CLASSES, 2 * c * 49),
                nn.Unflatten(1, (2 * c, 7, 7)),
                nn.BatchNorm2d(2 * c),
                nn.ReLU(),
            ),
            *(nn.ConvTranspose2d(2 * c, c, 4, 2, 1), nn.BatchNorm2d(c), nn.ReLU()),  # (B, C, 14, 14)
            nn.ConvTranspose2d(c, 1, 4, 2, 1),
        )

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        """Codes z (B, LATENT) and one-hot rows c (B, 10) -> logits (B, 1, 28, 28); their sigmoid is the digit."""
        return self.layers(torch.cat([z, c.to(z)], 1))


def trunk(channels: int, hidden: int, norm: bool = False) -> nn.Sequential:
    """(B, channels, 28, 28) -> (B, 98 C), C being `hidden`."""
    c = hidden
    between = [nn.BatchNorm2d(2 * c)] if norm else []
    return nn.Sequential(
        *(nn.Conv2d(channels, c, 4, 2, 1), nn.LeakyReLU(SLOPE)),  # (B, C, 14, 14)
        *(nn.Conv2d(c, 2 * c, 4, 2, 1), *between, nn.LeakyReLU(SLOPE), nn.Flatten()),
    )


class VAE(nn.Module):
    """An encoder from a digit to the Gaussian of its codes, and a decoder back; both are told the class."""

    def __init__(self, hidden: int):
        super().__init__()
        self.trunk = trunk(1 + CLASSES, hidden, norm=True)
        self.to_code = nn.Linear(98 * hidden, 2 * LATENT)
        self.decoder = Decoder(hidden)

    def encode(self, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Digits (B, 1, 28, 28) in [0, 1], one-hot rows (B, 10) -> mean and log variance of their codes, (B, LATENT) each."""
        told = c[:, :, None, None].expand(-1, -1, *x.shape[2:])  # (B, 10, 28, 28)
        return self.to_code(self.trunk(torch.cat([2 * x - 1, told], 1))).float().chunk(2, 1)


class GAN(nn.Module):
    """A decoder that draws, and a critic that tells drawn digits from real ones.

    The critic's answer is w h + <V c, h> of its features h (projection: Miyato & Koyama 2018).
    """

    def __init__(self, hidden: int):
        super().__init__()
        self.decoder = Decoder(hidden)
        self.trunk = trunk(1, hidden)
        self.real = nn.Linear(98 * hidden, 1)
        self.of_class = nn.Linear(CLASSES, 98 * hidden, bias=False)

    @property
    def critic(self) -> nn.ModuleList:
        """The layers of the critic."""
        return nn.ModuleList([self.trunk, self.real, self.of_class])

    def judge(self, x: Tensor, c: Tensor) -> Tensor:
        """Digits (B, 1, 28, 28) in [0, 1] and the classes that they should be, (B, 10) -> (B,), large for real."""
        h = self.trunk(2 * x - 1)
        return (self.real(h).squeeze(1) + (self.of_class(c.to(h)) * h).sum(1)).float()


NETWORKS = {"vae": VAE, "gan": GAN}


class OneCall:
    """A trained decoder: it draws in one call, from codes. It is no Denoiser."""

    def __init__(self, net: Decoder, device: torch.device | str = "cpu"):
        self.net, self.device = net, torch.device(device)

    def to(self, device: torch.device | str) -> "OneCall":
        """The same network on another device."""
        return OneCall(self.net.to(device), device)

    @torch.no_grad()
    def draw(self, z: Tensor, labels: Sequence[int]) -> Tensor:
        """Codes (B, LATENT), standard normal, and B classes -> digits (B, 1, 28, 28) in [0, 1]."""
        with NETWORK_LOCK:
            return self.net(z.to(self.device), one_hot(labels, self.device)).float().sigmoid()


def build_one_call(architecture: dict, weights: dict[str, Tensor]) -> OneCall:
    """A VAE or a GAN from its card and the weights of its decoder."""
    net = Decoder(architecture["hidden"])
    net.load_state_dict(weights)
    return OneCall(net.eval().requires_grad_(False))
