"""The recipes of the students, and their losses: update k -> the loss of its batch, all drawn from the seed and k."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.diffusion.schedule import per_sample
from core.models.mnist_unet import layout
from core.techniques.distillation import consistency_loss, consistency_pair, step_target
from training.distil_families import Digits, Family
from training.distil_paths import Paths
from training.distil_pocket import Pocket

STAGES = 3  # of consistency tuning
STARTS = [6.0, *[0.3] * 3, 1.5, *[0.3] * 3, 5.0, *[0.3] * 3, 1.5, *[0.3] * 3]
"""How often consistency tuning starts at each of the 16 places of a path; its steps in a run of 1, 2 or 4 come first."""


@dataclass(frozen=True)
class Recipe:
    """A student.

    Args:
        objective: "fast" or "consistency".
        teacher: the checkpoint that it starts from and learns from.
        steps: updates.
        batch: samples in an update.
        optimiser: "muon" for the matrices and Adam for the rest, or "adam" for all.
        lr: the largest learning rate.
        ema: the decay of the averaged weights.
        chunks: of the teacher's paths at the start, as large as its family's.
        renew: updates after which a chunk is added.
        shares: how often each of FEW_STEPS is drawn.
    """

    objective: str
    teacher: str = "flow-class"
    steps: int = 2000
    batch: int = 32
    optimiser: str = "adam"
    lr: float = 8e-4
    ema: float = 0.998
    chunks: int = 17
    renew: int = 200
    shares: tuple[float, ...] = (0.35, 0.25, 0.2, 0.12, 0.08)

    @property
    def levels(self) -> int:
        """The number of step sizes that the network is told apart."""
        return len(self.shares) if self.objective == "fast" else 0

    @property
    def family(self) -> Family:
        """The family of the teacher."""
        return FAMILIES[self.teacher]


FAMILIES = {"flow-class": Digits(), "pocket": Pocket()}
"""Teacher -> its family."""
RECIPES = {
    "flow-class-fast": Recipe("fast"),
    "flow-class-consistency": Recipe("consistency", steps=1200),
    "pocket-fast": Recipe("fast", "pocket", 1600, lr=5e-4, chunks=3, renew=120, shares=(0.3, 0.2, 0.35, 0.15)),
}
Loss = Callable[[nn.Module, torch.Generator, int], Tensor]
"""(the network, the source of random numbers, update k) -> () the loss of its batch."""


Picked = tuple[dict[str, Tensor], int]
"""A path: its chunk, and its row there."""


class PathLoss:
    """Base of the losses on pairs of states of the teacher's paths, at random places.

    Args:
        paths: the teacher's; they become more as the training goes on.
    """

    def __init__(self, recipe: Recipe, paths: Paths, device: torch.device):
        self.recipe, self.paths, self.device, self.family = recipe, paths, device, recipe.family
        self.timesteps, self.places = self.family.timesteps, self.family.places

    def pick(self, g: torch.Generator, k: int) -> list[Picked]:
        """Random paths for one batch, from the paths that exist at update k."""
        chunks = self.paths.upto(self.recipe.chunks + k // self.recipe.renew)
        size = self.family.chunk
        rows = torch.randint(len(chunks) * size, (self.recipe.batch,), generator=g).tolist()
        return [(chunks[row // size], row % size) for row in rows]

    def asked(self, picked: list[Picked]) -> tuple[Tensor, Tensor]:
        """The labels (B, ...) and guidance scales (B,) of paths."""
        labels, w = (torch.stack([chunk[key][row] for chunk, row in picked]) for key in ("labels", "w"))
        return labels.to(self.device), w.to(self.device)

    def states(self, picked: list[Picked], places: Tensor) -> Tensor:
        """The states (B, C, H, W) of paths at places (B,) from 0, noise, to the last, the picture."""
        rows = [chunk["states"][i, row].float() for (chunk, row), i in zip(picked, places.tolist(), strict=True)]
        return torch.stack(rows).to(self.device).contiguous(memory_format=layout(self.device))


class FastLoss(PathLoss):
    """The squared error of the output over steps of random size and place; of digits it is the mean velocity.

    The targets are exact ends of the teacher's run with guidance, not two half-steps of the student (Frans et al. 2025,
    eq. 5), so the errors of small steps do not add up in large ones.
    """

    def __call__(self, net: nn.Module, g: torch.Generator, k: int) -> Tensor:
        n, picked, family = self.recipe.batch, self.pick(g, k), self.family
        level = torch.multinomial(torch.tensor(self.recipe.shares), n, replacement=True, generator=g)
        count = 2**level  # steps in the run
        start = (torch.rand(n, generator=g) * count).long() * (self.places // count)
        end = start + self.places // count
        x, x_next = self.states(picked, start), self.states(picked, end)
        t, t_next, level = (v.to(self.device) for v in (self.timesteps[start], self.timesteps[end], level))
        target = family.target(step_target(family.schedule, x, t, x_next, t_next), x, t)
        return F.mse_loss(family.output(net, x, t, *self.asked(picked), level).float(), target)


class ConsistencyLoss(PathLoss):
    """Consistency tuning (Geng et al. 2024), its noise level t = 1 - tau, with both states on one path of the teacher.

    The published recipe takes x_t and x_r from a digit and a noise, so that its targets tend to the path only as r
    comes close to t; on the teacher's path, which has the guidance inside, they are right from the start.
    """

    def __call__(self, net: nn.Module, g: torch.Generator, k: int) -> Tensor:
        stage, picked = STAGES * k // self.recipe.steps, self.pick(g, k)
        start = torch.multinomial(torch.tensor(STARTS), self.recipe.batch, replacement=True, generator=g)
        t = 1 - start / self.places
        end = (self.places * (1 - consistency_pair(t, stage))).round().long()
        end = torch.maximum(end, start + 1)
        (x_t, t), (x_r, r) = ((self.states(picked, at), self.timesteps[at].to(self.device)) for at in (start, end))
        labels, w = self.asked(picked)
        ahead, behind = self._clean(net, x_t, t, labels, w), x_r
        if (r >= 0).any():
            with torch.no_grad():
                behind = self._clean(net, x_r, r, labels, w)
        return consistency_loss(ahead, behind, self._level(t) - self._level(r))

    def _level(self, t: Tensor) -> Tensor:
        """The noise levels (B,) at timesteps."""
        return self.family.schedule.s.float().to(self.device)[t]

    def _clean(self, net: nn.Module, x: Tensor, t: Tensor, labels: Tensor, w: Tensor) -> Tensor:
        """f(x) = x + s u, which at s = 0 is x itself."""
        level = torch.zeros(len(x), dtype=torch.long, device=x.device)
        return x + per_sample(self._level(t), x) * self.family.output(net, x, t, labels, w, level).float()


LOSSES = {"fast": FastLoss, "consistency": ConsistencyLoss}
