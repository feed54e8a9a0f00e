"""One resumable training run of a student. Every batch depends only on the seed and the update, so a run that was
stopped and resumed ends with the same weights as one that was not."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from core.diffusion.training import Curve, Ema, clipped, train
from core.models.mnist_unet import layout
from core.models.registry import load
from training.budgeted import Budgeted
from training.distil_paths import Paths
from training.distil_recipes import LOSSES, Loss, Recipe
from training.muon import Muon, split
from training.state import load_state, optimiser_tensors, restore_optimiser, save_state

CURVE_EVERY = 50
WARM_UP = 50  # updates


class Run(Budgeted):
    """One training run: its network, optimisers, average, loss curve and quick scores.

    A fast student's number of updates may be changed while the learning rate has not begun to fall; the result is then that of a run
    with the new number from the start.

    BatchNorm keeps the teacher's statistics, so that teacher and student are the same function at first, and each
    sample's output depends on that sample alone.
    """

    def __init__(self, recipe: Recipe, folder: Path, seed: int, device: torch.device, bf16: bool):
        self.recipe, self.folder, self.seed, self.device, self.bf16 = recipe, folder, seed, device, bf16
        self.family = recipe.family
        self.net = self._student()
        self.net.eval().to(device, memory_format=layout(device))
        self.optimisers = _optimisers(self.net, recipe)
        self.ema = Ema(self.net, recipe.ema)
        self.step, self.seconds, self.curve, self.validation = 0, 0.0, Curve(CURVE_EVERY), []
        kept = folder.parent / f"{recipe.teacher}-paths"
        self.paths = Paths(recipe.teacher, self.family, kept, seed, device, bf16)
        self.objective: Loss = LOSSES[recipe.objective](recipe, self.paths, device)
        if self.state_file.exists():
            self._resume()
        backward = clipped(self.net, 1.0)
        self.updates = train(self.net, [*self.optimisers.values()], self.loss, self.rate, self.step, self.ema, backward)
        self.start()

    def _student(self) -> nn.Module:
        """A student's network that still equals its teacher."""
        teacher = load(self.recipe.teacher, str(self.device))
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            return self.family.student(teacher, self.recipe.levels)

    def fresh(self, weights: dict[str, Tensor]) -> nn.Module:
        """Another student's network with these weights, for inference."""
        net = self._student()
        net.load_state_dict(weights)
        return net.eval().requires_grad_(False).to(self.device, memory_format=layout(self.device))

    def progress(self) -> float:
        """The share of the updates that are done."""
        return self.step / self.recipe.steps

    def rate(self, k: int) -> float:
        """The learning rate of update k: it rises over the first updates, and falls to 0 over the last half."""
        return self.recipe.lr * min(1.0, (k + 1) / WARM_UP, 2 * (1 - k / self.recipe.steps))

    def loss(self, k: int) -> Tensor:
        """() the loss of update k."""
        g = torch.Generator().manual_seed(self.seed * 1_000_003 + 7919 * k)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            return self.objective(self.net, g, k)

    @torch.no_grad()
    def check(self) -> None:
        """A quick look at the averaged weights, by steps."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            found = self.family.look(self, self.fresh(self.ema.shadow), all_steps=False)
        self.validation.append([self.step, found])
        tqdm.write(f"{self.step} {self.clock():.0f} s {found}")

    def save(self) -> None:
        """Write everything that `_resume` needs."""
        self.seconds = self.clock()
        parts = {"net": self.net.state_dict(), "ema": self.ema.shadow}
        parts |= {name: optimiser_tensors(optimiser) for name, optimiser in self.optimisers.items()}
        if self.curve.pending:
            parts["pending"] = {"losses": torch.stack(self.curve.pending)}
        facts = {"step": self.step, "seconds": self.seconds, "curve": self.curve.points, "validation": self.validation}
        save_state(self.state_file, parts, facts | {"recipe": self._recipe, "seed": self.seed})

    @property
    def _recipe(self) -> dict:
        return dataclasses.asdict(self.recipe) | {"shares": list(self.recipe.shares)}

    def _resume(self) -> None:
        parts, facts = load_state(self.state_file)
        before, now = facts["recipe"], self._recipe
        if before | {"steps": now["steps"]} != now or facts["seed"] != self.seed:
            raise ValueError(f"{self.state_file} belongs to another recipe or seed; move it away or pass --work.")
        late = now["objective"] == "consistency" or 2 * facts["step"] > min(before["steps"], now["steps"])
        if before["steps"] != now["steps"] and late:
            raise ValueError(f"{self.state_file} is past half of its updates; their number cannot change any more.")
        self.net.load_state_dict(parts["net"])
        self.ema.shadow = {k: v.to(self.device) for k, v in parts["ema"].items()}
        for name, optimiser in self.optimisers.items():
            restore_optimiser(optimiser, parts.get(name, {}))
        self.curve = Curve(CURVE_EVERY, facts["curve"], parts.get("pending", {}).get("losses"))
        self.step, self.seconds, self.validation = facts["step"], facts["seconds"], facts["validation"]


def _optimisers(net: nn.Module, recipe: Recipe) -> dict[str, torch.optim.Optimizer]:
    if recipe.optimiser == "adam":
        return {"adam": torch.optim.Adam(learned(net.parameters()), recipe.lr)}
    matrices, others = map(learned, split(net, outside=recipe.family.outside))
    return {"muon": Muon(matrices, recipe.lr, weight_decay=0.0), "adam": torch.optim.Adam(others, recipe.lr)}


def learned(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """The parameters that are not frozen."""
    return [p for p in parameters if p.requires_grad]
