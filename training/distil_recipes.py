"""The recipes of the students, and their losses: update k -> the loss of its batch, all drawn from the seed and k."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from core.datasets.mnist import unit
from core.diffusion.students import FEW_STEPS
from core.models.mnist import CLASSES, FLOW, flow_time
from core.models.mnist_students import StudentUNet
from core.models.mnist_unet import UNet, layout
from core.techniques.distillation import consistency_loss, consistency_pair, step_target
from training.distil_paths import CHUNK, Paths, scales

STAGES = 6  # of consistency tuning
AT_NOISE = 0.25  # the share of its samples that are pure noise, where one step begins


@dataclass(frozen=True)
class Recipe:
    """A student.

    Args:
        objective: "fast" or "consistency".
        teacher: the checkpoint that it starts from and learns from.
        steps: updates.
        batch: samples in an update.
        optimiser: "muon" for the matrices and Adam for the rest, or "adam" for all.
        lr: the largest learning rate; it rises over the first 2 % and falls to 0 over the last half.
        ema: the decay of the averaged weights.
        chunks: of the teacher's paths, 250 each, at the start; 0 for none.
        renew: updates after which a chunk is added.
        shares: how often each of FEW_STEPS is drawn.
    """

    objective: str
    teacher: str = "flow-class"
    steps: int = 3200
    batch: int = 32
    optimiser: str = "adam"
    lr: float = 8e-4
    ema: float = 0.998
    chunks: int = 0
    renew: int = 200
    shares: tuple[float, ...] = (0.35, 0.25, 0.2, 0.12, 0.08)

    @property
    def levels(self) -> int:
        """Step sizes among the network's inputs."""
        return len(FEW_STEPS) if self.objective == "fast" else 0


RECIPES = {
    "flow-class-fast": Recipe("fast", chunks=17),
    "flow-class-consistency": Recipe("consistency", steps=2000, lr=5e-4),
}
Loss = Callable[[StudentUNet, torch.Generator, int], Tensor]
"""(the network, the source of random numbers, update k) -> () the loss of its batch."""


class FastLoss:
    """The squared error of the mean velocity over steps of random size and place on the teacher's paths.

    The targets are exact ends of the teacher's run with guidance, not two half-steps of the student (Frans et al. 2025,
    eq. 5), so the errors of small steps do not add up in large ones.

    Args:
        paths: the teacher's; they become more as the training goes on.
    """

    def __init__(self, recipe: Recipe, paths: Paths, device: torch.device):
        self.recipe, self.paths, self.device = recipe, paths, device
        self.timesteps = torch.tensor([*FLOW.timesteps(FEW_STEPS[-1]), -1])

    def __call__(self, net: StudentUNet, g: torch.Generator, k: int) -> Tensor:
        n, finest = self.recipe.batch, FEW_STEPS[-1]
        chunks = self.paths.upto(self.recipe.chunks + k // self.recipe.renew)
        rows = torch.randint(len(chunks) * CHUNK, (n,), generator=g).tolist()
        level = torch.multinomial(torch.tensor(self.recipe.shares), n, replacement=True, generator=g)
        count = 2**level  # steps in the run
        start = (torch.rand(n, generator=g) * count).long() * (finest // count)
        end = start + finest // count
        t, t_next = self.timesteps[start], self.timesteps[end]
        picked = [(chunks[row // CHUNK], row % CHUNK) for row in rows]
        labels, w = (torch.stack([chunk[key][row] for chunk, row in picked]) for key in ("labels", "w"))
        x, x_next = (
            torch.stack([chunk["states"][i, row] for (chunk, row), i in zip(picked, places.tolist(), strict=True)])
            for places in (start, end)
        )
        target = step_target(FLOW, x, t, x_next, t_next)
        u = (target.x_0 - target.eps).to(self.device)
        x = x.to(self.device).contiguous(memory_format=layout(self.device))
        inputs = (v.to(self.device) for v in (flow_time(t), F.one_hot(labels, CLASSES).float(), w, level))
        return F.mse_loss(net(x, *inputs).float(), u)


class ConsistencyLoss:
    """Consistency tuning (Geng et al. 2024) on the straight path, its noise level t = 1 - tau, with guidance inside.

    x_r lies on the line from x_t along u = x_0 - eps. With guidance, u + (w - 1) (v_c - v_u) takes its place: the
    teacher's two halves give the difference, the digit and its noise the rest.

    Args:
        digits: (N, 1, 28, 28) uint8 and their classes (N,).
    """

    def __init__(self, recipe: Recipe, digits: tuple[Tensor, Tensor], teacher: UNet, device: torch.device):
        self.recipe, self.device, self.teacher = recipe, device, teacher
        self.images, self.labels = digits

    def __call__(self, net: StudentUNet, g: torch.Generator, k: int) -> Tensor:
        n, device, stage = self.recipe.batch, self.device, STAGES * k // self.recipe.steps
        rows = torch.randint(len(self.images), (n,), generator=g)
        x_0, c, w = unit(self.images[rows]), F.one_hot(self.labels[rows], CLASSES).float(), scales(n, g)
        eps, t = torch.randn(x_0.shape, generator=g), torch.sigmoid(0.5 + 1.5 * torch.randn(n, generator=g))
        t = torch.where(torch.rand(n, generator=g) < AT_NOISE, torch.ones(n), t)
        x_0, c, w, eps, t = (v.to(device) for v in (x_0, c, w, eps, t))
        r, a = consistency_pair(t, stage), (1 - t).view(-1, 1, 1, 1)
        x_t = (a * x_0 + (1 - a) * eps).contiguous(memory_format=layout(device))
        level = torch.zeros(n, dtype=torch.long, device=device)

        def clean(x: Tensor, s: Tensor) -> Tensor:
            return x + s.view(-1, 1, 1, 1) * net(x, 1 - s, c, w, level).float()

        with torch.no_grad():
            both = self.teacher(torch.cat([x_t, x_t]), torch.cat([1 - t, 1 - t]), torch.cat([c, 0 * c])).float()
            v_c, v_u = both.chunk(2)
            u = x_0 - eps + (w - 1).view(-1, 1, 1, 1) * (v_c - v_u)
            behind = clean(x_t + (t - r).view(-1, 1, 1, 1) * u, r)
        return consistency_loss(clean(x_t, t), behind, t - r)
