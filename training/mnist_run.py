"""One resumable training run of the MNIST family.

Every batch's noise and every epoch's order depend only on the seed and the step, so a run that was killed and
resumed ends with the same weights as one that was not.
"""

import functools
import time
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from core.datasets.mnist import mnist, unit
from core.diffusion.training import Curve, Ema, train
from core.models.mnist_unet import layout
from core.models.registry import load
from training.mnist_recipes import UNSAID, Recipe, build, losses_of, without_class
from training.state import resume_run, save_run, save_state

SHOWN_EPOCHS = (1, 5, 6, 10, 11, 16, 20)  # of the course's figures of samples by epoch
CURVE_EVERY = 50  # steps averaged into one point of the loss curve


class Run:
    """One training run: its network, optimiser, average, curves and progress."""

    def __init__(
        self, recipe: Recipe, folder: Path, seed: int, device: torch.device | str, bf16: bool, data: str | None = None
    ):
        self.recipe, self.folder, self.seed, self.device, self.bf16 = recipe, folder, seed, torch.device(device), bf16
        self.data = data
        images, labels = mnist(True, data)
        self.images, self.labels = images.to(device), labels.to(device)
        images, labels = mnist(False, data)
        self.held_out = unit(images[:2000]).to(device), labels[:2000].to(device)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.net = build(recipe)
        if recipe.init:
            trained = load(recipe.init, "cpu").net
            self.net.load_state_dict(without_class(trained.state_dict(), trained))
        self.net.to(device, memory_format=layout(device))
        betas = recipe.beta, 0.999
        self.optimiser = getattr(torch.optim, recipe.optimiser)(self.net.parameters(), recipe.lr, betas)
        self.optimisers = {"optimiser": self.optimiser}
        self.ema = Ema(self.net, recipe.ema)
        self.objectives = losses_of(recipe)
        self.step, self.seconds, self.curve, self.validation = 0, 0.0, Curve(CURVE_EVERY), []
        self.cpu_seconds = 0.0
        if self.state_file.exists():
            self.cpu_seconds = resume_run(self, UNSAID).get("cpu_seconds", 0.0)
        players = [functools.partial(self.loss, player=k) for k in range(len(self.objectives))]
        self.updates = train(self.net, [self.optimiser], players, self.rate, self.step, average=self.ema)

    @property
    def state_file(self) -> Path:
        """The file of the resumable state, outside the tracked files of the repository."""
        return self.folder / "state.safetensors"

    @property
    def steps_per_epoch(self) -> int:
        """Full batches in the training set."""
        return len(self.images) // self.recipe.batch

    @property
    def total(self) -> int:
        """Steps of the whole run."""
        return self.recipe.epochs * self.steps_per_epoch

    def train(self, save_every: float = 120.0, stop_after: int | None = None) -> None:
        """Run to the end, or for `stop_after` more steps, saving the state every `save_every` seconds."""
        end = self.total if stop_after is None else min(self.total, self.step + stop_after)
        saved = time.monotonic()
        with tqdm(total=self.total, initial=self.step, desc=self.folder.name, unit="step", mininterval=5) as bar:
            while self.step < end:
                started, computed = time.monotonic(), time.process_time()
                progress = next(self.updates)
                self.cpu_seconds += time.process_time() - computed
                self.step = progress.step
                self.curve.add(progress)
                if self.step % self.steps_per_epoch == 0:
                    self._end_epoch()
                self.seconds += time.monotonic() - started
                bar.update()
                if self.curve.points:
                    losses = " ".join(f"{loss:.4f}" for loss in self.curve.points[-1][1:])
                    bar.set_postfix(loss=losses, refresh=False)
                if time.monotonic() - saved > save_every:
                    self.save()
                    saved = time.monotonic()
        self.save()

    def rate(self, step: int) -> float:
        """The learning rate of an update."""
        return self.recipe.lr * self.recipe.decay ** (step // self.steps_per_epoch)

    def loss(self, step: int, player: int = 0) -> Tensor:
        """() the loss of an update's digits. For a GAN, player 0 is the critic and player 1 the generator."""
        x, labels = self._batch(step)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            return self.objectives[player](self.net, x, labels, self._generator(step, player))

    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        """The images and labels of an update; their order depends only on the seed and the epoch."""
        epoch, i = divmod(step, self.steps_per_epoch)
        if getattr(self, "_order_of", None) != epoch:
            g = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            self._order, self._order_of = torch.randperm(len(self.images), generator=g).to(self.device), epoch
        rows = self._order[i * self.recipe.batch : (i + 1) * self.recipe.batch]
        return unit(self.images[rows]).contiguous(memory_format=layout(self.device)), self.labels[rows]

    def _generator(self, step: int, player: int = 0) -> torch.Generator:
        """The noise of one step, drawn afresh for every batch and player."""
        return torch.Generator(self.device).manual_seed(self.seed * 1_000_003 + 7919 * step + player)

    def _end_epoch(self) -> None:
        """Measure the held-out loss; keep the averaged weights of the epochs that the app shows.

        The losses of a GAN's players only compare the two, so they are not measured on held-out digits.
        """
        epoch = self.step // self.steps_per_epoch
        if len(self.objectives) == 1:
            self.validation.append([epoch, *(self.held_out_loss(w) for w in (self.net.state_dict(), self.ema.shadow))])
        if epoch in SHOWN_EPOCHS or epoch == self.recipe.epochs:
            half = {k: v.half() if v.is_floating_point() else v for k, v in self.ema.shadow.items()}
            save_state(self.folder / f"epoch-{epoch:02d}.safetensors", {"net": half}, {"epoch": epoch})

    @torch.no_grad()
    def held_out_loss(self, weights: dict[str, Tensor]) -> float:
        """The loss on 2,000 test digits with fixed noise, for the given weights."""
        net = build(self.recipe).to(self.device).eval()
        net.load_state_dict(weights)
        x, labels = self.held_out
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            losses = [
                self.objectives[0](net, a, b, self._generator(-1 - i))
                for i, (a, b) in enumerate(zip(x.split(500), labels.split(500), strict=True))
            ]
        return torch.stack(losses).mean().item()

    def save(self) -> None:
        """Write everything that resuming needs."""
        save_run(self, {"cpu_seconds": self.cpu_seconds})
