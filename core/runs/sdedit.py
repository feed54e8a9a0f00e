"""A request for SDEdit's ladder of strengths: checked once, carried in every saved picture, turned into Steps."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from core.checks import Refused, choice, real, whole
from core.diffusion.guidance import bounded, guide, halves
from core.diffusion.noise import MAX_SEED, generator, seeds
from core.diffusion.sampler_table import ETAS
from core.diffusion.samplers import Step
from core.diffusion.visits import visits_from
from core.models.registry import load
from core.runs.prompts import MAX_GUIDANCE, clipped, prompt_of, text_model
from core.runs.sampling import carried
from core.techniques.filters import STRIDE
from core.techniques.sdedit import LADDER, sdedit

TIMESTEPS = tuple(range(990, -1, -STRIDE))
"""990, 960, ..., 0: a start i means TIMESTEPS[i], and the last start, len(TIMESTEPS), is the picture itself."""
MAX_RUNGS = 8
MAX_ROWS = 4


def starts_of(text: object) -> tuple[int, ...]:
    """Comma-separated starts i, ascending. Raises Refused unless there are 1 to MAX_RUNGS, each 0 to 33, none twice."""
    parts = [p for p in str(text or "").replace(";", ",").split(",") if p.strip()] if isinstance(text, str) else []
    if not 1 <= len(parts) <= MAX_RUNGS:
        raise Refused(f"Give 1 to {MAX_RUNGS} starts i, separated by commas, such as 1, 3, 5, 7, 10, 20.")
    starts = sorted(whole(p, 0, len(TIMESTEPS) - 1, "Every start i") for p in parts)
    if len(set(starts)) < len(starts):
        raise Refused("Every start i may be given only once.")
    return tuple(starts)


def prompts_of(text: object) -> tuple[str, ...]:
    """Prompts, one per line. Raises Refused if it is not text, or there are more than MAX_ROWS."""
    if text is not None and not isinstance(text, str):
        raise Refused("The prompts must be text, one per line.")
    lines = tuple(prompt_of(line, "Every prompt") for line in (text or "").splitlines() if line.strip())
    if len(lines) > MAX_ROWS:
        raise Refused(f"Give at most {MAX_ROWS} prompts, one per line, not {len(lines)}.")
    return lines


@dataclass(frozen=True)
class SDEditRequest:
    """How to noise a picture and denoise it again. `SDEditRequest.checked` is the way in for anything a person typed.

    Args:
        prompt: what the picture should become; empty means unconditional.
        guidance: w of classifier-free guidance; without a prompt it changes nothing.
        starts: the rungs, comma-separated places 0 .. 33 in TIMESTEPS; larger is nearer to the picture.
        n: rows, each from its own noise; row k from that of seed + k.
        prompts: for the experiment with several prompts, one per line.
        model: a registry name of the task "text".
        sampler: a key of `core.diffusion.sampler_table.ETAS`.
        seed: of the first row.
    """

    prompt: str = "an emoji of a red apple"
    guidance: float = 3.0
    starts: str = ", ".join(map(str, LADDER))
    n: int = 1
    prompts: str = "an emoji of a red apple\nan emoji of a tomato\nan emoji of a red heart"
    model: str = "pocket"
    sampler: str = "ddim"
    seed: int = 180

    @classmethod
    def checked(cls, **values: object) -> "SDEditRequest":
        """A request from untrusted values. Raises Refused or ModelError with one sentence."""
        r = cls(**values)
        return cls(
            prompt=prompt_of(r.prompt),
            guidance=real(r.guidance, 0, MAX_GUIDANCE, "The guidance"),
            starts=", ".join(map(str, starts_of(r.starts))),
            n=whole(r.n, 1, MAX_ROWS, "The number of seeds"),
            prompts="\n".join(prompts_of(r.prompts)),
            model=text_model(r.model),
            sampler=choice(r.sampler, ETAS, "The sampler"),
            seed=whole(r.seed, 0, MAX_SEED, "The seed"),
        )

    def settings(self) -> dict:
        """What a saved picture carries."""
        return carried("sdedit", self)


@dataclass(frozen=True)
class Ladder:
    """Rows of rungs that run as one batch; each row ends with the picture itself, at no cost.

    Args:
        rows: (label, prompt, seed) of each row.
    """

    request: SDEditRequest
    rows: tuple[tuple[str, str, int], ...]

    @property
    def starts(self) -> tuple[int, ...]:
        """The rungs of one row, the picture itself last."""
        return (*starts_of(self.request.starts), len(TIMESTEPS))

    @property
    def across(self) -> tuple[str, ...]:
        """The labels of the columns."""
        return (*(f"i = {i} · t = {TIMESTEPS[i]}" for i in self.starts[:-1]), "original")

    @property
    def scale(self) -> float:
        """w; 0, which needs half the network's work, when no row has a prompt."""
        return self.request.guidance if any(prompt for _, prompt, _ in self.rows) else 0.0

    def cost(self) -> tuple[int, float]:
        """(network calls, mean number of pictures in each)."""
        calls = len(TIMESTEPS) - self.starts[0]
        return calls, halves(self.scale) * len(self.rows) * sum(len(TIMESTEPS) - i for i in self.starts) / calls

    def run(self, picture: Tensor, device: str = "auto") -> Iterator[Step]:
        """The Steps of all rungs, x_t and x_0 (rows x columns, 3, 64, 64), from a picture (1, 3, 64, 64) in [-1, 1]."""
        model, columns = load(self.request.model, device), len(self.starts)
        guided = bounded(guide(model, self.scale))
        cond = guided.encode([prompt or None for _, prompt, _ in self.rows for _ in self.starts])
        source = [generator(seed) for _, _, seed in self.rows for _ in range(columns)]
        visits = visits_from(TIMESTEPS, self.starts * len(self.rows))
        return sdedit(guided, picture.to(model.device), visits, cond, source, ETAS[self.request.sampler])


def ladder(r: SDEditRequest) -> Ladder:
    """One row per seed."""
    return Ladder(r, tuple((f"seed {s}" if r.n > 1 else "", r.prompt, s) for s in seeds(r.seed, r.n)))


def with_and_without(r: SDEditRequest) -> Ladder:
    """The same noise without a prompt and with it. Raises Refused if there is no prompt."""
    if not r.prompt:
        raise Refused("Give a prompt: the second row is drawn with it, the first without.")
    return Ladder(r, (("no prompt", "", r.seed), (clipped(r.prompt), r.prompt, r.seed)))


def several_prompts(r: SDEditRequest) -> Ladder:
    """The same noise with each of the prompts. Raises Refused if there are none."""
    prompts = prompts_of(r.prompts)
    if not prompts:
        raise Refused(f"Give 1 to {MAX_ROWS} prompts to compare, one per line.")
    return Ladder(r, tuple((clipped(p), p, r.seed) for p in prompts))


LADDERS = {"ladder": ladder, "with-and-without": with_and_without, "several-prompts": several_prompts}
