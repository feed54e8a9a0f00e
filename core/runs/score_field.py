"""The score field: what is asked of it. Its views are in `core.runs.plane_views` and `core.runs.plane_training`."""

from dataclasses import dataclass, replace

from core.checks import Refused
from core.diffusion.denoiser import Denoiser
from core.diffusion.point_sets import PointSet
from core.diffusion.schedule import Schedule
from core.models.point_network import TARGETS
from core.runs.fields import SEED
from core.runs.point_training import TRAININGS, PointRecipe, PointTraining
from core.runs.points import OWN, SETS, point_set, rows_of
from core.runs.prompts import prompt_of
from core.runs.request import SEEDS, Choice, Kind, Real, Request, Several, Text, Whole, asked

T = 1000
PATHS = {"cosine": "DDPM, cosine schedule", "linear": "DDPM, linear schedule", "flow": "flow matching (straight)"}
MODELS = {"exact": "exact", "learned": "trained here"}
SAMPLERS = {
    "langevin": "annealed Langevin", "plain": "Langevin without annealing", "ddpm": "DDPM", "ddim": "DDIM / Euler", "heun": "Heun",
}  # fmt: skip
GUIDES = {"none": "no guidance (w = 1)", "classifier": "classifier", "cfg": "classifier-free", "auto": "autoguidance"}
RATES = (0.0001, 0.0003, 0.001, 0.002, 0.005, 0.01, 0.03, 0.1, 0.5)
UNTRAINED = "No network is trained here yet: open Train and press Start, or take the exact denoiser."
OTHER_DATA = "The network learned other points or another path: train one on these, or take the exact denoiser."


def word_of(text: object) -> str:
    """A word as one line; `core.runs.points.written` bounds its length. Raises Refused if it is not text."""
    return prompt_of(text[:100] if isinstance(text, str) else text, "The word")


@dataclass(frozen=True, kw_only=True)
class Rows(Kind):
    """Rows of x, y and class, 0 or 1."""

    def check(self, value: object, request: Request) -> tuple:
        return rows_of(value)

    def as_widget(self, value: tuple) -> dict:
        return {"points": [list(row) for row in value]}


@dataclass(frozen=True)
class ScoreFieldRequest(Request):
    """Which points, which denoiser of them, and what each view does with it.

    Args:
        rows: points of x, y and class, for "drawn".
        noising: the path to noise, a key of PATHS. (Gradio's client takes a dictionary with "path" for a file.)
        training: the id of the network trained in this page; "" for none.
        count: points that are noised or drawn.
    """

    KIND = "score-field"
    data: str = asked(
        "moons", Choice("Points", "Or your own: drawn, uploaded, or a word.", options=SETS | OWN, listed=True)
    )
    components: int = asked(5, Whole("Gaussians", "2 to 8 on a circle.", "The number of Gaussians", low=2, high=8))
    word: str = asked("SCORE", Text("Word", "Its letters become points.", read=word_of))
    rows: tuple = asked((), Rows("Your points"))
    noising: str = asked("cosine", Choice("Path", "How data becomes noise.", options=PATHS, listed=True))
    model: str = asked("exact", Choice("Denoiser", "The exact one, or a network trained on this page.", options=MODELS))
    training: str = asked("", Text("Network"))
    count: int = asked(600, Whole("Points drawn", "100 to 2,000.", low=100, high=2000, step=100))
    samplers: tuple = asked(
        ("langevin", "ddpm", "ddim", "heun"), Several("Samplers", "All from the same noise.", options=SAMPLERS)
    )
    steps: int = asked(20, Whole("Steps", "1 to 100. Langevin always takes 10 levels of 100 steps.", low=1, high=100))
    guides: tuple = asked(tuple(GUIDES), Several("Guidance", "All from the same noise.", options=GUIDES))
    scale: float = asked(3.0, Real("Scale w", "0 to 10: 1 is no guidance, more enforces the class.", high=10, step=0.5))
    target: str = asked(
        "v", Choice("Network output", "Each can be computed from any other.", "The network's output", options=TARGETS)
    )
    width: int = asked(128, Whole("Width", "16 to 256 units in a layer.", low=16, high=256, step=16))
    depth: int = asked(3, Whole("Layers", "2 to 4.", "The number of layers", low=2, high=4))
    rate: float = asked(
        0.005,
        Real(
            "Learning rate",
            "0.0001 to 0.5, from the list or typed. It falls along half a cosine.",
            low=0.0001,
            high=0.5,
            usual=RATES,
        ),
    )
    batch: int = asked(512, Whole("Batch", "16 to 2,048 points an update.", low=16, high=2048, step=16))
    updates: int = asked(
        2000, Whole("Updates", "100 to 10,000.", "The number of updates", low=100, high=10_000, step=100)
    )
    seed: int = asked(0, replace(SEED, info=f"{SEEDS}: of the noise and of the network's first weights."))

    def schedule(self) -> Schedule:
        """Its path."""
        return {"cosine": Schedule.cosine, "linear": Schedule.linear, "flow": Schedule.flow}[self.noising](T)

    def points(self) -> PointSet:
        """Its data. Raises Refused if there is none."""
        return point_set(self.data, self.components, self.word, self.rows)

    @property
    def subject(self) -> tuple:
        """The data and the path that a network learns. Another subject needs another network."""
        own = {"gaussians": self.components, "word": self.word, "drawn": self.rows}
        return self.data, own.get(self.data), self.noising

    def trained(self) -> PointTraining | None:
        """The network trained here, if there is one of this subject."""
        learner = TRAININGS.get(self.training)
        return learner if learner is not None and learner.subject == self.subject else None

    def network(self) -> PointTraining:
        """The same. Raises Refused if there is none."""
        learner = TRAININGS.get(self.training)
        if learner is None:
            raise Refused(UNTRAINED)
        if learner.subject != self.subject:
            raise Refused(OTHER_DATA)
        return learner

    def denoiser(self) -> Denoiser:
        """The exact denoiser or the network, as requested. Raises Refused if there is no network."""
        return self.network().denoiser() if self.model == "learned" else self.points().denoiser(self.schedule())

    def settings(self) -> dict:
        """The settings as in `Request.settings`, without the network's id, which is valid only in its page. Only drawn
        data keeps its rows."""
        return super().settings() | {"training": "", "rows": self.rows if self.data == "drawn" else ()}

    def recipe(self) -> PointRecipe:
        """The recipe of a new network."""
        names = ("target", "width", "depth", "rate", "batch", "updates", "seed")
        return PointRecipe(self.schedule(), **{name: getattr(self, name) for name in names})

    @property
    def about(self) -> str:
        """Data, path and denoiser, for captions."""
        what = (SETS | OWN)[self.data]
        what = (
            f"{self.components} Gaussians"
            if self.data == "gaussians"
            else f"“{self.word}”"
            if self.data == "word"
            else what
        )
        return f"{what}; {PATHS[self.noising]}; {MODELS[self.model]}"
