"""Pocket-up behind the contract: 256x256 RGB in [-1, 1] from a picture of 64x64 and the noise on it.

The small picture is noised before the network sees it, and the network is told by how much (Ho et al. 2022, "Cascaded
diffusion models", section 4: conditioning augmentation). What is then known of it is its rough shape; the finer it
is to be believed, fringes and all, the less noise.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from core.checks import Refused, real, whole
from core.diffusion.denoiser import NETWORK_LOCK, Denoiser, Prediction
from core.diffusion.noise import Generators, randn
from core.diffusion.samplers import Step, ddim
from core.diffusion.visits import visits_together
from core.models.mnist_unet import layout
from core.models.upsampler_unet import SCHEDULE, UpsamplerUNet

LOW, SHAPE = (3, 64, 64), (3, 256, 256)
MOST_NOISE = 0.5
USUAL_NOISE = 0.05  # pocket's fringes go, and white stays white
STEPS = (1, 4, 8)  # least, default, most


def condition(low: Tensor, noise: float, source: Generators | None = None) -> Tensor:
    """The condition for `PocketUp.predict`, (B, 4, 64, 64): the noised pictures and a plane with their noise level.

    Args:
        low: (B, 3, 64, 64) in [-1, 1].
        noise: standard deviation of the noise to add, 0 .. MOST_NOISE, in units of `low`.
        source: a generator, or one per picture; needed where there is noise.

    Raises:
        Refused: the pictures have another shape, or the noise is out of range.
    """
    if low.ndim != 4 or tuple(low.shape[1:]) != LOW:
        raise Refused(f"Only pictures of 64 x 64 pixels in colour are enlarged, not of shape {tuple(low.shape)}.")
    noise = real(noise, 0, MOST_NOISE, "The noise on the small picture")
    if noise:
        low = low + noise * randn(low.shape, source, low.device)
    return torch.cat([low, torch.full_like(low[:, :1], noise)], 1)


class PocketUp(Denoiser):
    """An UpsamplerUNet as a Denoiser. It has no learned variance."""

    shape, schedule = SHAPE, SCHEDULE

    def __init__(self, net: UpsamplerUNet, device: torch.device | str = "cpu"):
        self.net, self.device = net, torch.device(device)

    def to(self, device: torch.device | str) -> "PocketUp":
        """The same network on another device."""
        return PocketUp(self.net.to(device, memory_format=layout(device)), device)

    def encode(self, prompts: Sequence[Tensor | None]) -> Tensor:
        """(B, 4, 64, 64), the condition of B pictures (3, 64, 64) in [-1, 1] with no noise on them; None stands for a
        picture of which little is known: grey, as if with the most noise."""
        unknown = torch.cat([torch.zeros(LOW), torch.full((1, *LOW[1:]), MOST_NOISE)])
        return torch.stack([unknown if p is None else condition(p[None].cpu(), 0)[0] for p in prompts]).to(self.device)

    @torch.no_grad()
    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        """One network call for x_t (B, 3, 256, 256), t (B,), cond (B, 4, 64, 64) from `condition`."""
        with NETWORK_LOCK:
            x_0 = self.net(x_t, t, cond[:, :3], cond[:, 3].mean((1, 2)))
        x_0 = x_0.float().contiguous().clamp(-1, 1)
        return Prediction(x_0, self.schedule.eps(x_t, t, x_0))


def upsample(
    model: PocketUp,
    pictures: Tensor,
    noise: float = USUAL_NOISE,
    steps: int = STEPS[1],
    source: Generators | None = None,
) -> Iterator[Step]:
    """Pictures (B, 3, 64, 64) in [-1, 1] four times larger; Steps of (B, 3, 256, 256), the last one holds the result.

    Args:
        noise: the noise that is added to the pictures, 0 .. MOST_NOISE: 0 keeps every detail of them.
        steps: of DDIM, 1 .. 8.
        source: a CPU generator, or one per picture: all random numbers come from it.

    Raises:
        Refused: one sentence: the pictures have another shape, or a number is out of range.
    """
    steps = whole(steps, STEPS[0], STEPS[2], "The number of steps")
    cond = condition(pictures.to(model.device), noise, source)
    x = randn((len(pictures), *SHAPE), source, model.device)
    return ddim(model, x, visits_together(model.schedule.timesteps(steps), len(x)), cond)


def upsampled(
    model: PocketUp,
    pictures: Tensor,
    noise: float = USUAL_NOISE,
    steps: int = STEPS[1],
    source: Generators | None = None,
) -> Tensor:
    """The result of `upsample` alone: (B, 3, 256, 256) in [-1, 1]."""
    *_, last = upsample(model, pictures, noise, steps, source)
    return last.x_0.clamp(-1, 1)


def enlarge(
    model: PocketUp,
    low: Tensor,
    prompts: Sequence,
    source: Generators,
    views: Sequence = (),
    noise: float = USUAL_NOISE,
) -> Iterator[Step]:
    """`upsample` in its usual steps. It reads no prompts, and an anagram is the same picture in all its views."""
    return upsample(model, low, noise, source=source)


def build_upsampler(architecture: dict, weights: dict[str, Tensor]) -> PocketUp:
    """Pocket-up from its card's "architecture" and its weights, for inference."""
    net = UpsamplerUNet(architecture["widths"], architecture["depths"])
    net.load_state_dict(weights)
    return PocketUp(net.eval().requires_grad_(False))
