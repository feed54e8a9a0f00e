"""One resumable training run of pocket, on one device or on several through accelerate.

Every batch depends only on the seed, the process and the step. The learning rate depends on the used share of the
budget, in steps or in minutes; a run with a budget in steps repeats exactly on the same hardware.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from safetensors.torch import load_file
from torch import Tensor, nn
from tqdm import tqdm

from core.datasets.pictures import unit
from core.diffusion.training import Curve, Ema, clipped, train
from core.models.captions import LENGTH
from core.models.mnist_unet import layout
from core.models.pocket import SCHEDULE, Pocket
from core.models.text_unet import TextUNet
from training.budgeted import Budgeted
from training.muon import Muon, split
from training.pocket_data import Pictures
from training.pocket_sheet import sheet
from training.state import UNSAID, resume_run, save_run

CURVE_EVERY = 50  # steps averaged into one point of the loss curve
LEVELS = (50, 250, 500, 750, 950)  # timesteps of the validation loss
SPREAD = {"word.weight": 0.5, "position": 0.02, "place": 0.1, "caption.weight": 0.1}
"""Standard deviations of initial weights that differ from torch's own; those of captions are large."""
CHECKED = 96  # held-out photos, and as many drawings, per level


@dataclass(frozen=True)
class Recipe:
    """Everything that determines the weights, apart from the seed and the data.

    Args:
        widths, depth, middle, text: the network, see `core.models.text_unet.TextUNet`.
        emoji: "all", "everyday" or "first".
        photo_share: the share of photos in every batch.
        favour: the relative frequency of well-known things, or of the SLOWEST style, see `Pictures`.
        batch: pictures per step and process.
        processes: the number of processes that share a step.
        optimiser: "muon" for the matrices and AdamW for the rest, or "adamw" for all.
        lr: the highest learning rate, after the warm-up.
        warmup: steps of linear warm-up.
        floor: the share of the rate left at the end of its linear decay.
        ema: decay of the averaged weights.
        steps, minutes: the budget, one of the two.
        init: the folder of the initial checkpoint, or "".
    """

    widths: tuple[int, ...] = (48, 96, 192)
    depth: int = 1
    middle: int = 2
    text: int = 192
    emoji: str = "everyday"
    photo_share: float = 0.3
    favour: float = 1.0
    batch: int = 16
    processes: int = 1
    optimiser: str = "muon"
    lr: float = 8e-4
    warmup: int = 300
    floor: float = 0.05
    ema: float = 0.999
    steps: int = 0
    minutes: float = 0.0
    init: str = ""


class Loss(nn.Module):
    """The network and its training objective as one module, which accelerate can spread over devices."""

    def __init__(self, net: TextUNet):
        super().__init__()
        self.net = net

    def forward(self, x_0: Tensor, ids: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """(B,) mean squared error of v = a eps - s x_0 (Salimans & Ho 2022)."""
        a, s = SCHEDULE.at(t, x_0)
        v = self.net(a * x_0 + s * eps, t, self.net.encoder(ids))
        return (v.float() - (a * eps - s * x_0)).square().mean((1, 2, 3))


class Run(Budgeted):
    """One training run: its network, optimiser, average, curves and progress."""

    def __init__(self, recipe: Recipe, folder: Path, seed: int, accelerator: Accelerator, data: str | None = None):
        self.recipe, self.folder, self.seed, self.accelerator = recipe, folder, seed, accelerator
        self.device, self.main = accelerator.device, accelerator.is_main_process
        self.pictures = Pictures(recipe.emoji, recipe.photo_share, self.device, data, recipe.favour)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.net = build(recipe, len(self.pictures.vocabulary))
        self.history: list[dict] = []  # the runs before this one
        if recipe.init and not self.state_file.exists():
            self.history = start_from(self.net, self.pictures.vocabulary.words, Path(recipe.init))
        self.net.to(self.device, memory_format=layout(self.device))
        self.optimisers = optimisers(self.net, recipe, accelerator.process_index)
        self.ema = Ema(self.net, recipe.ema)
        self.step, self.seconds, self.curve, self.validation = 0, 0.0, Curve(CURVE_EVERY), []
        if self.state_file.exists():
            facts = resume_run(self, UNSAID, precision=accelerator.mixed_precision)
            self.history = facts.get("history", [])
        self.objective = accelerator.prepare_model(Loss(self.net))
        self.updates = train(
            self.net, [*self.optimisers.values()], self.loss, self.rate, self.step,
            self.ema if self.main else None, clipped(self.net, 1.0, accelerator.backward),
        )  # fmt: skip
        self.start()

    def progress(self) -> float:
        """The used share of the budget, 0 .. 1, equal on every process."""
        if self.recipe.steps:
            return min(1.0, self.step / self.recipe.steps)
        used = torch.tensor(self.clock() / 60 / self.recipe.minutes, device=self.device)
        return min(1.0, float(broadcast(used) if self.accelerator.num_processes > 1 else used))

    def rate(self, step: int) -> float:
        """The learning rate of an update: a linear warm-up, then a linear decay to `floor`."""
        return self.recipe.lr * min(1, (step + 1) / self.recipe.warmup) * (1 - (1 - self.recipe.floor) * self.done)

    def train(self, check_every: float = 600.0, save_every: float = 180.0, stop_after: int | None = None) -> None:
        """Train as in `Budgeted.train`, on every process. Only the main process checks and saves."""
        super().train(check_every, save_every, stop_after)
        self.accelerator.wait_for_everyone()

    def loss(self, step: int) -> Tensor:
        """() the loss of this process's share of an update."""
        g = self._generator(step)
        x_0, ids = self.pictures.batch(self.recipe.batch, g)
        t, eps = stratified(len(x_0), g).to(self.device), torch.randn(x_0.shape, generator=g).to(self.device)
        with self.accelerator.autocast():
            return self.objective(x_0.contiguous(memory_format=layout(self.device)), ids, t, eps).mean()

    def _generator(self, step: int) -> torch.Generator:
        """The random numbers of one step of this process."""
        process = self.accelerator.process_index
        return torch.Generator().manual_seed(self.seed * 1_000_003 + 7919 * step + 104_729 * process)

    @torch.no_grad()
    def check(self) -> None:
        """Measure the averaged weights per noise level on held-out photos and on drawings; draw a sheet."""
        net = build(self.recipe, len(self.pictures.vocabulary)).to(self.device, memory_format=layout(self.device))
        net.load_state_dict(self.ema.shadow)
        loss, g = Loss(net.eval()), torch.Generator().manual_seed(self.seed)
        rows = {}
        for kind, images in (("photos", self.pictures.held_out), ("drawings", self.pictures.drawings)):
            some = images[:: max(1, len(images) // CHECKED)][:CHECKED]
            x = unit(some).to(self.device)
            ids = self.pictures.vocabulary.encode(["a photo" if kind == "photos" else "an emoji"] * len(x)).to(
                self.device
            )
            rows[kind] = []
            for level in LEVELS:
                eps = torch.randn(x.shape, generator=g).to(self.device)
                with self.accelerator.autocast():
                    rows[kind].append(loss(x, ids, torch.full((len(x),), level, device=self.device), eps).mean().item())
        self.validation.append([self.step, rows["photos"], rows["drawings"]])
        picture = sheet(Pocket(net, self.pictures.vocabulary, self.device), self.accelerator.autocast)
        self.folder.mkdir(parents=True, exist_ok=True)
        picture.save(self.folder / f"sheet-{self.step:07d}.png")
        tqdm.write(f"step {self.step}, {self.clock() / 60:.0f} min: v error by t {LEVELS}: " + "; ".join(
            f"{kind} {' '.join(f'{e:.4f}' for e in errors)}" for kind, errors in rows.items()))  # fmt: skip

    def save(self) -> None:
        """Write everything that resuming needs."""
        self.seconds = self.clock()
        facts = {"words": self.pictures.vocabulary.words, "history": self.history}
        save_run(self, facts | {"precision": self.accelerator.mixed_precision})


def build(recipe: Recipe, words: int) -> TextUNet:
    """A fresh network for a vocabulary of `words` ids."""
    net = TextUNet(words, LENGTH, recipe.widths, recipe.text, recipe.depth, recipe.middle)
    for name, value in net.named_parameters():
        std = next((std for end, std in SPREAD.items() if name.endswith(end)), None)
        if std:
            nn.init.normal_(value, std=std)
    return net


def optimisers(net: TextUNet, recipe: Recipe, process: int = 0) -> dict[str, torch.optim.Optimizer]:
    """The optimisers of one of the recipe's processes, by name; every parameter belongs to one of them."""
    if recipe.optimiser == "adamw":
        return {"adamw": torch.optim.AdamW(net.parameters(), recipe.lr, weight_decay=0.01)}
    matrices, others = split(net, outside=12)
    muon = Muon(matrices, recipe.lr, process=process, processes=recipe.processes)
    return {"muon": muon, "adamw": torch.optim.AdamW(others, recipe.lr, weight_decay=0.01)}


def stratified(n: int, g: torch.Generator) -> Tensor:
    """(n,) stratified timesteps in random order; the noisier half, where captions matter most, is more frequent.

    t / T = u^0.6 with u uniform: the density is 1.67 at t = T, 1.05 at T / 2 and 0.36 at T / 10.
    """
    u = (torch.arange(n) + torch.rand(n, generator=g)) / n
    return (u**0.6 * SCHEDULE.T).long().clamp(max=SCHEDULE.T - 1)[torch.randperm(n, generator=g)]


def start_from(net: TextUNet, words: list[str], folder: Path) -> list[dict]:
    """Copy a checkpoint into a network of the same shape. The vocabulary may be larger: words keep their rows.

    The network may have more middle blocks; they start as the identity.

    Returns:
        The runs that led to it.

    Raises:
        ValueError: the checkpoint's network has another shape.
    """
    card = json.loads((folder / "card.json").read_text())
    tensors: dict[str, Tensor] = {}
    for file in card["sha256"]:
        tensors |= load_file(folder / file)
    old = tensors.pop("encoder.word.weight").float()
    shapes = {k: v.shape for k, v in net.state_dict().items() if k != "encoder.word.weight"}
    new = {k for k in shapes if k.startswith("middle.") and k not in tensors}
    if {k: shape for k, shape in shapes.items() if k not in new} != {k: v.shape for k, v in tensors.items()}:
        raise ValueError(f"{folder} holds a network of another shape.")
    with torch.no_grad():
        for key in new:
            if key.endswith(("place", "conv2.bias", "out.bias")):  # the last weights are zero from the start
                net.get_parameter(key).zero_()
        rows = net.encoder.word.weight
        rows[:2] = old[:2]
        place = {word: i + 2 for i, word in enumerate(card["architecture"]["words"])}
        for i, word in enumerate(words):
            if word in place:
                rows[i + 2] = old[place[word]]
    net.load_state_dict({k: v.float() for k, v in tensors.items()}, strict=False)
    return card["history"]
