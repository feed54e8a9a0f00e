"""The network from inside: the outputs of its blocks for one x_t, and how they change under another condition or t."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core.checks import ModelError, Refused
from core.diffusion.denoiser import Denoiser, Prediction, Technique
from core.diffusion.guidance import bounded, guide, halves
from core.diffusion.noise import generators, randn
from core.diffusion.sampler_table import FLOW_SAMPLERS, TEXT_SAMPLERS
from core.diffusion.samplers import Step, ddim
from core.diffusion.visits import visits_together
from core.models.mnist import SHAPE, SingleStep
from core.models.registry import availability, load, of_task, schedule_of, spec
from core.pictures.images import grid
from core.runs.fields import GUIDANCE, PROMPT, SEED
from core.runs.frame import Frame
from core.runs.mnist import flow_clock
from core.runs.plan import Plan, in_pixels
from core.runs.request import Model, Request, Whole, asked
from core.techniques.blocks import Outputs, change, normalised
from core.techniques.network_graph import Graph, Node, graph_of
from core.wording import clipped, counted

CHANNELS = 16
"""The channels of a block that are shown, from the first."""
BOTH = ("as asked", "told otherwise")
"""The parts of a Step: the clean estimates of the two calls on its x_t."""
CHANGES = "changes"
"""The map with how much every block changes, in bytes as `as_share`; no module has this name."""
SHIFT = Whole(
    "Tell it another t: … % of the path further", "-100 to 100; more says there is more noise than there is.",
    "The shift of t", low=-100, high=100, step=5,
)  # fmt: skip


@dataclass(frozen=True)
class NetworkModel(Model):
    """A model whose network can be seen from inside, and is here."""

    def options(self) -> dict[str, str]:
        """name -> what people read."""
        return {
            m.name: m.title for m in of_task("text", "digits") if m.source is spec("pocket").source and not m.student
        }

    def check(self, value: object, request: Request) -> str:
        name = spec(value).name
        if name not in self.options():
            raise ModelError(f"The network of {name} is not shown here; these are: {', '.join(self.options())}.")
        ready, sentence = availability(name)
        if not ready:
            raise ModelError(sentence)
        return name


@dataclass(frozen=True)
class NetworkRequest(Request):
    """A picture to draw, and another condition for the network on the same x_t.

    Args:
        prompt, other: for pocket words, for a digit model a digit; empty for no condition.
        shift: percent of the schedule, from the right t to the t that the network is told.
    """

    KIND = "network"
    model: str = asked("flow-class", NetworkModel("Network"))
    prompt: str = asked(
        "3", replace(PROMPT, label="Prompt, or a digit", info="A digit model draws 0 to 9; may be empty.")
    )
    other: str = asked("8", replace(PROMPT, label="Or told, on the same x_t", info="May be empty: no condition."))
    shift: int = asked(30, SHIFT)
    guidance: float = asked(1.5, replace(GUIDANCE, info="0 to 20, of the run; the network is shown without it."))
    steps: int = asked(15, Whole("Steps", "1 to 60, of Euler for flow matching, else of DDIM.", low=1, high=60))
    seed: int = asked(180, SEED)

    @property
    def of_digits(self) -> bool:
        """Whether it draws a digit."""
        return spec(self.model).task == "digits"

    def agreed(self) -> "NetworkRequest":
        """Raises Refused if a digit model is asked for anything else."""
        for text in (self.prompt, self.other) if self.of_digits else ():
            if text and (len(text) > 1 or text not in "0123456789"):
                raise Refused(
                    f"The model {self.model} draws one digit: write 0 to 9, or nothing, not “{clipped(text)}”."
                )
        return self

    def condition(self, text: str) -> str | int | None:
        """The digit or the prompt for the model's `encode`; None for an empty text."""
        return None if not text else int(text) if self.of_digits else text


@functools.cache
def graph(model: str) -> Graph:
    """The graph of a model's network, from one call of it as it is loaded."""
    one = load(model, "cpu")
    if isinstance(one, SingleStep):
        return graph_of(one.net, lambda watch: one.watching(watch).restore(torch.zeros(1, *SHAPE)))
    x, t = torch.zeros(1, *one.shape), torch.zeros(1, dtype=torch.long)
    return graph_of(one.net, lambda watch: one.watching(watch).predict(x, t, one.encode([None])))


def blocks(model: str) -> list[Node]:
    """The blocks and layers of a model's network."""
    return graph(model).modules


class Beside(Technique):
    """The same denoiser. Every call asks once more about the x_t of its last row, with another condition or t.

    Args:
        cond: (1, ...) the other condition; None for the row's own.
        told: from the row's timestep, (1,), to the other one.
    """

    def __init__(self, inner: Denoiser, cond: Tensor | None, told):
        super().__init__(inner)
        self.cond, self.told = cond, told
        self.seen = torch.empty(0)
        """(2, C, H, W): the clean estimates of the last row and of the one beside it, in the last call."""

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        other = cond[-1:] if self.cond is None else self.cond
        p = self.inner.predict(torch.cat([x_t, x_t[-1:]]), torch.cat([t, self.told(t[-1:])]), torch.cat([cond, other]))
        self.seen = p.x_0[-2:]
        return Prediction(p.x_0[:-1], p.eps[:-1])


@dataclass(frozen=True, kw_only=True)
class Network(Plan):
    """One picture. Every step has the outputs of all blocks for its x_t, from two calls.

    Args:
        moves: whether the second way is another t; else it is another prompt.
    """

    request: NetworkRequest
    moves: bool = False

    @property
    def RANGE(self) -> tuple[float, float]:
        return (0.0, 1.0) if self.request.of_digits else (-1.0, 1.0)

    @property
    def RANGES(self) -> dict[str, tuple[float, float]]:
        return dict.fromkeys(BOTH, self.RANGE)

    @property
    def prompts(self) -> Sequence[str]:
        texts = () if self.request.of_digits else (self.request.prompt, self.request.other)
        return tuple(dict.fromkeys(texts[:1] if self.moves else texts))

    @property
    def count(self) -> int:
        return 1

    @property
    def guiding(self) -> dict:
        return {"guidance": self.request.guidance}

    def cost(self) -> tuple[int, float]:
        return self.request.steps, halves(self.request.guidance) + 1

    @property
    def work(self) -> str:
        return f"{counted(self.request.steps, 'network call')} on {halves(self.request.guidance) + 1} images each, the last told otherwise"

    @property
    def ways(self) -> tuple[str, str]:
        """The conditions or timesteps of the two calls, in a few words."""
        r, quoted = (
            self.request,
            lambda text: (text if r.of_digits else f"“{clipped(text)}”") if text else "no condition",
        )
        if self.moves:
            return "the right t", f"t {'+' if r.shift >= 0 else '−'} {abs(self.shifted)}"
        return quoted(r.prompt), quoted(r.other)

    @property
    def sampler(self) -> str:
        """The name of the update of `ddim` on the model's path."""
        return (FLOW_SAMPLERS["euler"] if spec(self.model).path == "flow" else TEXT_SAMPLERS["ddim"]).title

    @property
    def lane_titles(self) -> Sequence[str]:
        return ("x_t: the state", *(f"x_0 when told {way}" for way in self.ways))

    def clock(self, t: int) -> str:
        return flow_clock(self.model, t)

    @property
    def caption(self) -> str:
        r = self.request
        asked_for = (
            f"digit {r.prompt}"
            if r.of_digits and r.prompt
            else f"“{clipped(r.prompt, 200)}”"
            if r.prompt
            else "no condition"
        )
        blind = " It knows no class: only another t changes it." * (not self.moves and not spec(r.model).conditional)
        told = f"t shifted by {r.shift} % of the path" if self.moves else self.ways[1]
        return (
            f"{r.model}: {asked_for}; {self.sampler}, {counted(r.steps)}; guidance {r.guidance:g}; seed {r.seed}. The diagram is read off the "
            f"loaded network. In every step its blocks are seen on the same x_t twice: told {self.ways[0]}, and told {told}. "
            f"A block is the redder, the more its output changes. Of a block the first {CHANNELS} channels are shown, each "
            f"from its least (black) to its most (white) in both.{blind}"
        )

    @property
    def shown(self) -> str:
        """The block whose maps are seen at first: the last one with sixteen channels."""
        return [n.name for n in blocks(self.request.model) if n.kind == "block" and n.shape[0] >= CHANNELS][-1]

    # ---- the run ----

    @property
    def shifted(self) -> int:
        """The shift of t in timesteps."""
        return round(self.request.shift * schedule_of(self.request.model).T / 100)

    def told(self, t: Tensor) -> Tensor:
        """The other timestep (1,), within the schedule."""
        return (t + self.shifted * self.moves).clamp(0, schedule_of(self.request.model).T - 1)

    def run(self, device: str = "auto") -> Iterator[Step]:
        r, model = self.request, load(self.request.model, device)
        outputs = Outputs([block.name for block in blocks(r.model)], rows=2)
        other = None if self.moves else model.encode([r.condition(r.other)])
        beside = Beside(model.watching(outputs), other, self.told)
        denoiser = guide(beside, r.guidance)
        denoiser = denoiser if r.of_digits else bounded(denoiser)
        source = generators(r.seed, 1)
        x, cond = randn((1, *model.shape), source, model.device), denoiser.encode([r.condition(r.prompt)])
        steps = ddim(denoiser, x, visits_together(model.schedule.timesteps(r.steps), 1), cond, source)
        return self.noted(in_pixels(denoiser, steps), beside, outputs)

    @torch.no_grad()
    def noted(self, steps: Iterator[Step], beside: Beside, outputs: Outputs) -> Iterator[Step]:
        """The Steps with the two estimates and the maps of their network call; the result has those of the last one."""
        maps: dict[str, Tensor] = {}
        for step in steps:
            if found := outputs.take():
                moved = torch.tensor([as_byte(change(found[block.name])) for block in blocks(self.request.model)])
                maps = {name: normalised(pair, CHANNELS) for name, pair in found.items()}
                maps[CHANGES] = moved.to(torch.uint8).view(1, -1, 1, 1)
            estimates = dict(zip(BOTH, beside.seen.split(1), strict=True))
            yield replace(step, parts=estimates | maps)

    # ---- its pictures ----

    def lanes(self, frame: Frame) -> list[np.ndarray]:
        return [frame.x_t, *(frame.parts[name] for name in BOTH)]

    def sheet(self, frame: Frame) -> np.ndarray:
        return grid(np.concatenate(self.lanes(frame)), 3, gap=2)

    def tiles(self, frame: Frame) -> list[tuple[str, np.ndarray]]:
        """x_t, the two estimates, and for every block its maps in both ways, one below the other."""
        single = zip(("x_t", *(name.replace(" ", "-") for name in BOTH)), self.lanes(frame), strict=True)
        found = [(f"block-{name}", maps) for name, maps in frame.maps.items() if name != CHANGES]
        return [(name, pixels[0]) for name, pixels in single] + [
            (name, grid(maps.transpose(0, 3, 1, 2).reshape(-1, *maps.shape[1:3], 1), maps.shape[3], gap=1))
            for name, maps in found
        ]  # fmt: skip


def as_byte(share: float) -> int:
    """A change as a byte b, for the share (b / 255)^2; more than the whole is the whole."""
    return round(255 * min(1.0, share) ** 0.5)


def prompt(r: NetworkRequest) -> Network:
    """One x_t, two prompts or digits."""
    return Network(request=r)


def time(r: NetworkRequest) -> Network:
    """One x_t, two timesteps."""
    return Network(request=r, moves=True)


PLANS = {"prompt": prompt, "time": time}
"""Experiment -> function that makes its plan; the first is the plain run."""
