"""One resumable training run of a student. Every batch depends only on the seed and the update, so a run that was
stopped and resumed ends with the same weights as one that was not."""

import dataclasses
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from core.datasets.mnist import mnist
from core.diffusion.sampler_table import generate
from core.diffusion.students import Student
from core.diffusion.training import Curve, Ema, train
from core.models.mnist import CLASSES
from core.models.mnist_students import STUDENTS, StudentUNet
from core.models.mnist_unet import layout
from core.models.registry import load
from core.models.scores import Statistics, accuracy, frechet_distance, judge, reference
from training.budgeted import Budgeted
from training.distil_paths import Paths
from training.distil_recipes import ConsistencyLoss, FastLoss, Loss, Recipe
from training.muon import Muon, split
from training.state import load_state, optimiser_tensors, restore_optimiser, save_state

CURVE_EVERY = 50
QUICK = 300
"""Digits of a quick look; `benchmarks.fewer_steps` measures in full."""
SAMPLERS = {"fast": "few-steps", "consistency": "consistency"}


class Run(Budgeted):
    """One training run: its network, optimiser, average, loss curve and quick scores.

    BatchNorm keeps the teacher's statistics, so that teacher and student are the same function at first, and each
    sample's output depends on that sample alone.
    """

    def __init__(self, recipe: Recipe, folder: Path, seed: int, device: torch.device, bf16: bool, data: str | None):
        self.recipe, self.folder, self.seed, self.device, self.bf16 = recipe, folder, seed, device, bf16
        teacher = load(recipe.teacher, str(device)).net
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.net = StudentUNet(teacher.places[0], recipe.levels)
        self.net.load_state_dict(teacher.state_dict(), strict=False)
        self.net.eval().to(device, memory_format=layout(device))
        self.optimisers = _optimisers(self.net, recipe)
        self.ema = Ema(self.net, recipe.ema)
        self.step, self.seconds, self.curve, self.validation = 0, 0.0, Curve(CURVE_EVERY), []
        if recipe.objective == "fast":
            self.objective: Loss = FastLoss(recipe, Paths(recipe.teacher, folder, seed, device, bf16), device)
        else:
            self.objective = ConsistencyLoss(recipe, mnist(True, data), teacher, device)
        if self.state_file.exists():
            self._resume()
        self.updates = train(self.net, [*self.optimisers.values()], self.loss, self.rate, self.step, self.ema, clip=1.0)
        self.start()

    def progress(self) -> float:
        """The share of the updates that are done."""
        return self.step / self.recipe.steps

    def rate(self, k: int) -> float:
        """The learning rate of update k."""
        done = k / self.recipe.steps
        return self.recipe.lr * min(1.0, (done + 1e-3) / 0.02, 2 * (1 - done))

    def loss(self, k: int) -> Tensor:
        """() the loss of update k."""
        g = torch.Generator().manual_seed(self.seed * 1_000_003 + 7919 * k)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            return self.objective(self.net, g, k)

    @torch.no_grad()
    def check(self) -> None:
        """A quick look at the averaged weights: accuracy and Frechet distance of a few digits, by steps."""
        net = StudentUNet(self.net.places[0], self.recipe.levels).to(self.device).eval()
        net.load_state_dict(self.ema.shadow)
        kind = STUDENTS[self.recipe.objective]
        student, found = kind(net, kind.counts[0], device=self.device), {}
        for steps in kind.counts[:3]:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                found[str(steps)] = quick(student, SAMPLERS[self.recipe.objective], steps)
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
        if facts["recipe"] != self._recipe or facts["seed"] != self.seed:
            raise ValueError(f"{self.state_file} belongs to another recipe or seed; move it away or pass --work.")
        self.net.load_state_dict(parts["net"])
        self.ema.shadow = {k: v.to(self.device) for k, v in parts["ema"].items()}
        for name, optimiser in self.optimisers.items():
            restore_optimiser(optimiser, parts.get(name, {}))
        self.curve = Curve(CURVE_EVERY, facts["curve"], parts.get("pending", {}).get("losses"))
        self.step, self.seconds, self.validation = facts["step"], facts["seconds"], facts["validation"]


def _optimisers(net: StudentUNet, recipe: Recipe) -> dict[str, torch.optim.Optimizer]:
    if recipe.optimiser == "adam":
        return {"adam": torch.optim.Adam(net.parameters(), recipe.lr)}
    matrices, others = split(net, outside=1)
    return {"muon": Muon(matrices, recipe.lr, weight_decay=0.0), "adam": torch.optim.Adam(others, recipe.lr)}


def quick(student: Student, sampler: str, steps: int, guidance: float = 1.5, seed: int = 0) -> dict:
    """Accuracy and Frechet distance of QUICK digits."""
    *_, last = generate(student, [k % CLASSES for k in range(QUICK)], sampler, steps, guidance, seed)
    named, features = judge(load("classifier", "cpu"), last.x_t.clamp(0, 1).cpu())
    right = accuracy(named, torch.arange(QUICK) % CLASSES)
    return {"accuracy": round(right, 4), "frechet": round(frechet_distance(Statistics.of(features), reference()), 3)}
