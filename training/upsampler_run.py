"""One resumable training run of the upsampler.

Every batch follows from the seed and the step alone. The learning rate follows from how much of the budget is used, in
steps or in minutes; a run with a budget in steps repeats exactly on the same hardware.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor
from tqdm import tqdm

from core.diffusion.training import Curve, Ema, clipped, train
from core.models.mnist_unet import layout
from core.models.pocket_upsampler import MOST_NOISE, PocketUp, upsampled
from core.models.upsampler_unet import DETAIL, SCHEDULE, UpsamplerUNet, shrink
from core.pictures.enlargements import bicubic, sharpened
from core.pictures.images import from_uint8, to_uint8
from core.techniques.filters import psnr
from training.budgeted import Budgeted
from training.muon import Muon, split
from training.state import resume_run, save_run
from training.upsampler_data import Crops

CURVE_EVERY = 50  # steps averaged into one point of the loss curve
CLEAN = 0.4  # the share of small pictures that get no noise
FRINGES = 6.0  # how far edges are overdrawn, for each unit of noise
TRIED = (1, 4)  # steps of the validation
WEIGHTS = "weights.safetensors"
"""The file of the averaged weights in a checkpoint."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, but the seed and the data.

    Args:
        widths, depths: the network, see `core.models.upsampler_unet.UpsamplerUNet`.
        photo_share: the share of photos in every batch.
        batch: crops per step.
        optimiser: "muon" for the matrices and AdamW for the rest, or "adamw" for all.
        lr: the highest learning rate, after the warm-up.
        warmup: steps of linear warm-up.
        floor: what is left of the rate at the end of its fall along a cosine.
        ema: decay of the averaged weights.
        steps, minutes: the budget, one of the two.
        init: the folder of a checkpoint to begin with; "" for random weights.
    """

    widths: tuple[int, ...] = (64, 128, 128)
    depths: tuple[int, ...] = (2, 2, 2, 3, 3)
    photo_share: float = 0.1
    batch: int = 8
    optimiser: str = "adamw"
    lr: float = 2e-3
    warmup: int = 200
    floor: float = 0.01
    ema: float = 0.998
    steps: int = 0
    minutes: float = 0.0
    init: str = ""


def stratified(n: int, g: torch.Generator) -> Tensor:
    """(n,) timesteps in random order, stratified; t / T = u^0.7 with u uniform. The least noisy ones come less often:
    sampling in few steps hardly visits them."""
    u = (torch.arange(n) + torch.rand(n, generator=g)) / n
    return (u**0.7 * SCHEDULE.T).long().clamp(max=SCHEDULE.T - 1)[torch.randperm(n, generator=g)]


def noises(n: int, g: torch.Generator) -> Tensor:
    """(n,) noise on the small pictures, 0 .. MOST_NOISE: none on a share of CLEAN, else more often little than much."""
    u, clean = torch.rand(n, generator=g), torch.rand(n, generator=g) < CLEAN
    return torch.where(clean, 0.0, MOST_NOISE * u**2)


def fringed(low: Tensor, noise: Tensor, g: torch.Generator) -> Tensor:
    """Small pictures (B, 3, H, W) with sharpened edges. Each colour is sharpened by its own random amount, up to
    `noise` (B,) * FRINGES.

    Guidance gives pocket's drawings such bright and coloured lines along their edges. Noise alone does not.
    """
    amount = torch.rand(len(low), 3, 1, 1, generator=g).to(low.device) * (FRINGES * noise.view(-1, 1, 1, 1)).clamp(
        max=1.5
    )
    blurred = F.avg_pool2d(F.pad(low, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return (low + amount * (low - blurred)).clamp(-1, 1)


def loss_of(net: UpsamplerUNet, x_0: Tensor, g: torch.Generator) -> Tensor:
    """Mean absolute error of the clean picture for x_0 (B, 3, 4H, 4W), at random timesteps and noises, from a CPU generator.

    Noise makes large errors, and they would hide the small errors of a clean condition. So each error is divided by its
    expected size.
    """
    to = lambda x: x.to(x_0.device)  # noqa: E731
    t, noise = to(stratified(len(x_0), g)), to(noises(len(x_0), g))
    eps, low = to(torch.randn(x_0.shape, generator=g)), fringed(shrink(x_0), noise, g)
    low = low + noise.view(-1, 1, 1, 1) * to(torch.randn(low.shape, generator=g))
    errors = (net(SCHEDULE.forward(x_0, t, eps), t, low, noise) - x_0).abs().mean((1, 2, 3))
    return (errors * DETAIL / (DETAIL**2 + noise**2).sqrt()).mean()


def optimisers(net: UpsamplerUNet, recipe: Recipe) -> dict[str, torch.optim.Optimizer]:
    """The optimisers by name. Every parameter belongs to one of them."""
    if recipe.optimiser == "adamw":
        return {"adamw": torch.optim.AdamW(net.parameters(), recipe.lr, weight_decay=0.01, fused=True)}
    matrices, others = split(net, outside=0)
    for p in (net.enter.weight, net.leave.weight):  # what takes the picture in and gives it out stays with Adam
        matrices = [q for q in matrices if q is not p]
        others.append(p)
    return {"muon": Muon(matrices, recipe.lr), "adamw": torch.optim.AdamW(others, recipe.lr, weight_decay=0.01)}


class Run(Budgeted):
    """One training run: its network, optimisers, average, curves, and where it has got to."""

    def __init__(
        self, recipe: Recipe, folder: Path, seed: int, device: torch.device, bf16: bool = True, data: str | None = None
    ):
        self.recipe, self.folder, self.seed, self.device, self.bf16 = recipe, folder, seed, device, bf16
        self.crops = Crops(recipe.photo_share, folder, data)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.net = UpsamplerUNet(recipe.widths, recipe.depths)
        self.history: list[dict] = []  # the runs before this one
        if recipe.init and not self.state_file.exists():
            self.history = start_from(self.net, Path(recipe.init))
        self.net.to(device, memory_format=layout(device))
        self.optimisers, self.ema = optimisers(self.net, recipe), Ema(self.net, recipe.ema)
        self.step, self.seconds, self.curve, self.validation = 0, 0.0, Curve(CURVE_EVERY), []
        if self.state_file.exists():
            self.history = resume_run(self, {}, bf16=bf16).get("history", [])
        self.updates = train(
            self.net, [*self.optimisers.values()], self.loss, self.rate, self.step, self.ema, clipped(self.net, 1.0)
        )
        self.start()

    def progress(self) -> float:
        """The share of the budget that is used, 0 .. 1."""
        if self.recipe.steps:
            return min(1.0, self.step / self.recipe.steps)
        return min(1.0, self.clock() / 60 / self.recipe.minutes)

    def rate(self, step: int) -> float:
        """The learning rate of an update: a linear warm-up, then half a cosine down to `floor`."""
        r = self.recipe
        return (
            r.lr * min(1, (step + 1) / r.warmup) * (r.floor + (1 - r.floor) * (1 + math.cos(math.pi * self.done)) / 2)
        )

    def train(self, check_every: float = 300.0, save_every: float = 120.0, stop_after: int | None = None) -> None:
        """Train as in `Budgeted.train`."""
        super().train(check_every, save_every, stop_after)

    def loss(self, step: int) -> Tensor:
        """() the loss of an update's crops."""
        g = torch.Generator().manual_seed(self.seed * 1_000_003 + 7919 * step)
        x_0 = self.crops.batch(self.recipe.batch, g).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            return loss_of(self.net, x_0, g)

    @torch.no_grad()
    def check(self) -> None:
        """Decibels that the averaged weights gain over bicubic, and over Lanczos sharpened, on drawings never seen."""
        net = UpsamplerUNet(self.recipe.widths, self.recipe.depths).to(self.device, memory_format=layout(self.device))
        net.load_state_dict(self.ema.shadow)
        pixels = self.crops.source.take(self.crops.source.pairs(self.crops.checked))
        gains = [
            gain(PocketUp(net.eval(), self.device), pixels, steps, self.seed, self.device, self.bf16) for steps in TRIED
        ]
        self.validation.append([self.step, *(round(g, 3) for pair in gains for g in pair)])
        tqdm.write(
            f"step {self.step}, {self.clock() / 60:.0f} min: "
            + "; ".join(
                f"{n} steps {over:+.2f} dB over bicubic, {sharp:+.2f} over Lanczos sharpened"
                for n, (over, sharp) in zip(TRIED, gains, strict=True)
            )
        )

    def save(self) -> None:
        """Write everything that resuming needs."""
        self.seconds = self.clock()
        save_run(self, {"bf16": self.bf16, "history": self.history})


def start_from(net: UpsamplerUNet, folder: Path) -> list[dict]:
    """Copy a checkpoint into a network of the same shape.

    Returns:
        The runs that led to it.

    Raises:
        ValueError: the checkpoint's network has another shape.
    """
    weights, card = load_file(folder / WEIGHTS), json.loads((folder / "card.json").read_text())
    if {k: v.shape for k, v in net.state_dict().items()} != {k: v.shape for k, v in weights.items()}:
        raise ValueError(f"The weights in {folder} have another shape; give their --widths and --depths.")
    net.load_state_dict(weights)
    return [*card.get("history", []), card["recipe"]]


def gain(
    model: PocketUp, pixels: np.ndarray, steps: int, seed: int, device: torch.device, bf16: bool = False
) -> tuple[float, float]:
    """Mean decibels over bicubic and over Lanczos sharpened, for pictures (N, 256, 256, 3) uint8 made small by their means."""
    g, ours, plain, sharp = torch.Generator().manual_seed(seed), [], [], []
    for picture in pixels:
        true = from_uint8(picture[None], -1, 1)
        small = to_uint8(shrink(true), -1, 1)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            made = upsampled(model, from_uint8(small, -1, 1), 0.0, steps, g).cpu()
        rivals = [from_uint8(way(small[0])[None], -1, 1) for way in (bicubic, sharpened)]
        for scores, x in zip((ours, plain, sharp), (made, *rivals), strict=True):
            scores.append(psnr(x, true).clamp(max=60).item())
    mean = [float(np.mean(scores)) for scores in (ours, plain, sharp)]
    return mean[0] - mean[1], mean[0] - mean[2]
