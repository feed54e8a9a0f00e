"""A small network that learns digits while people watch: the course's U-Net, as a denoiser, a DDPM or a flow model."""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.diffusion.schedule import Schedule
from core.diffusion.training import Ema
from core.locks import FairLock
from core.models.first_weights import begun
from core.models.mnist import CLASSES, Digits, SingleStep
from core.models.mnist_losses import digit_loss
from core.models.mnist_unet import UNet, layout
from core.runs.digit_data import DigitSet
from core.runs.live_training import LiveTraining, Trainings

DECAY, WARM = 0.99, 21
"""The decay and the warm-up of the averaged weights. These weights draw the samples."""
FLOOR = 0.1
"""The share of the learning rate that is left at the planned end."""
EVERY = 5
"""Updates in one point of the loss curve."""
MOST_NUMBERS = 60_000_000
"""Numbers in all kept networks, with their averages, moments and last good weights: 240 MB."""


@dataclass(frozen=True)
class DigitRecipe:
    """The recipe of a training, apart from its data: see `core.runs.live_digits_request.TrainDigitsRequest`."""

    objective: str = "flow"
    by_class: bool = True
    width: int = 16
    T: int = 300
    rate: float = 3e-3
    batch: int = 64
    p_uncond: float = 0.1
    updates: int = 2000
    seed: int = 0

    @property
    def path(self) -> Schedule:
        """The noise schedule of a DDPM, with T timesteps."""
        return Schedule.linear(self.T)

    @property
    def time(self) -> bool:
        """Whether the network is told the time."""
        return self.objective != "denoiser"

    @property
    def classes(self) -> int:
        """The classes that the network is told; 0 for none."""
        return CLASSES if self.by_class and self.time else 0

    def architecture(self) -> dict:
        """The architecture as a card gives it; `core.models.mnist` builds the network."""
        kind = {"objective": self.objective, "hidden": self.width, "time": self.time, "classes": self.classes}
        return kind | ({"T": self.T} if self.objective == "ddpm" else {})


class DigitTraining(LiveTraining):
    """The training of digits.

    Args:
        digits: the data; it may also come later, before the first update.
        device: where it learns.
    """

    TURNS = FairLock()

    def __init__(self, digits: DigitSet | None, recipe: DigitRecipe, device: torch.device | str = "cpu"):
        self.digits, self.source, self.device = digits, "", torch.device(device)
        net = begun(lambda: new_net(recipe), torch.Generator().manual_seed(recipe.seed))
        net.to(self.device, memory_format=layout(device))
        super().__init__(net, recipe, Ema(net, DECAY, WARM), EVERY)

    def rate(self, k: int) -> float:
        """Linear from the recipe's rate down to FLOOR of it at the planned end."""
        return self.recipe.rate * (1 - (1 - FLOOR) * min(1.0, k / self.recipe.updates))

    def loss(self, k: int) -> Tensor:
        """() the squared error of update k on digits drawn from the data."""
        r, g = self.recipe, torch.Generator(self.device).manual_seed(self.recipe.seed * 1_000_003 + 7919 * k)
        rows = torch.randint(len(self.digits.images), (r.batch,), generator=g, device=self.device).cpu()
        x, labels = self.digits.at(rows, self.device)
        x = x.contiguous(memory_format=layout(self.device))
        return digit_loss(r.objective, r.p_uncond, r.path)(self.net, x, labels, g)

    @property
    def seen(self) -> int:
        """Pictures so far, some of them more than once."""
        return self.step * self.recipe.batch

    def denoiser(self) -> Digits | SingleStep:
        """The averaged network as it is now."""
        net = new_net(self.recipe)
        net.load_state_dict(self.average.shadow)
        net.to(self.device, memory_format=layout(self.device)).eval().requires_grad_(False)
        if not self.recipe.time:
            return SingleStep(net, self.device)
        path = self.recipe.path if self.recipe.objective == "ddpm" else None
        return Digits(net, self.recipe.objective, self.device, path)

    @property
    def numbers(self) -> int:
        """The count of numbers kept in memory: weights, average, two moments, gradient, and a backup copy of all but
        the gradient."""
        return 9 * sum(p.numel() for p in self.net.parameters())


def new_net(recipe: DigitRecipe) -> UNet:
    """The network of a recipe, with torch's own first weights."""
    return UNet(recipe.width, recipe.time, recipe.classes)


TRAININGS = Trainings(MOST_NUMBERS, lambda learner: learner.numbers)
"""The trainings of digits. One has a million numbers at D = 16, sixteen million at D = 64."""
