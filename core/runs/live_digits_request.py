"""The request for a network that learns digits live: see `core.runs.live_digits`."""

from dataclasses import dataclass, replace

from core.checks import choice, number
from core.models.mnist_losses import SIGMA
from core.runs.digit_training import DigitRecipe
from core.runs.fields import SEED
from core.runs.request import SEEDS, Choice, Real, Request, Text, Whole, asked

OBJECTIVES = {"flow": "Flow matching", "ddpm": "DDPM", "denoiser": f"Single-step denoiser, σ = {SIGMA:g}"}
TOLD = {"class": "by class", "none": "unconditional"}
WIDTHS = (8, 16, 32, 64)
RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
DATA = {"mnist": "MNIST where it is, else drawn ones", "drawn": "6,000 that our own flow model draws"}


@dataclass(frozen=True, kw_only=True)
class Width(Choice):
    """One of WIDTHS."""

    def check(self, value: object, request: Request) -> int:
        return int(choice(f"{number(value):g}", self.options, self.named))

    def as_widget(self, value: int) -> str:
        return str(value)


def runs_of(value: object) -> tuple[str, ...]:
    """The ids of trainings, from a list or a text with spaces. Anything else is left out."""
    words = value.split() if isinstance(value, str) else value if isinstance(value, (list, tuple)) else ()
    return tuple(word for word in words[:50] if isinstance(word, str))


@dataclass(frozen=True)
class TrainDigitsRequest(Request):
    """A request to train a network on digits.

    Args:
        training: the id of the network that learns in this page; "" for none.
        beside: the ids of further trainings whose curves are shown.
    """

    KIND = "train-digits"
    objective: str = asked("flow", Choice("What learns", "", "What learns", options=OBJECTIVES, listed=True))
    told: str = asked("class", Choice("Classes", "Whether it is told which digit it sees.", options=TOLD))
    width: int = asked(
        16, Width("Width D", "Channels; 16 learns quickest.", "The width D", options={str(d): str(d) for d in WIDTHS})
    )
    T: int = asked(300, Whole("T", "100 to 1,000 timesteps of the DDPM.", "T", low=100, high=1000, step=50))
    rate: float = asked(
        0.003,
        Real("Learning rate", "0.0001 to 1, listed or typed; falls to a tenth.", low=1e-4, high=1, usual=RATES),
    )
    batch: int = asked(64, Whole("Batch", "8 to 256 digits an update.", low=8, high=256, step=8))
    p_uncond: float = asked(
        0.1,
        Real("p_uncond", "0 to 1: the share of digits whose class is dropped.", "p_uncond", low=0, high=1, step=0.05),
    )
    updates: int = asked(
        2000, Whole("Updates", "100 to 20,000.", "The number of updates", low=100, high=20_000, step=100)
    )
    data: str = asked("mnist", Choice("Digits to learn from", "", options=DATA, listed=True))
    seed: int = asked(
        0, replace(SEED, info=f"{SEEDS}: of the first weights, the batches and the noise of the samples.")
    )
    training: str = asked("", Text("Network"))
    beside: tuple = asked((), Text("Curves", read=runs_of, write=" ".join))

    def recipe(self) -> DigitRecipe:
        """The recipe of a new network."""
        names = ("objective", "width", "T", "rate", "batch", "p_uncond", "updates", "seed")
        return DigitRecipe(by_class=self.told == "class", **{name: getattr(self, name) for name in names})

    def settings(self) -> dict:
        """The settings as in `Request.settings`, without the ids of networks: these are valid only in their page."""
        return super().settings() | {"training": "", "beside": ()}
