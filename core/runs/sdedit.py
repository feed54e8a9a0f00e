"""SDEdit at several strengths: noise a picture to several levels and denoise it, in rows that run as one batch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.checks import Refused, whole
from core.diffusion.guidance import bounded, guide, halves
from core.diffusion.noise import generator, seeds
from core.diffusion.sampler_table import ETAS, TEXT_SAMPLERS
from core.diffusion.samplers import Step
from core.diffusion.visits import visits_from
from core.models.registry import load
from core.pictures.images import WAITING, from_uint8
from core.runs.fields import GUIDANCE, MODEL, PROMPT, SAMPLER, SEED
from core.runs.frame import Frame
from core.runs.plan import FINE, STATE, Plan, in_pixels
from core.runs.prompts import prompts_of
from core.runs.request import Request, Text, Whole, asked
from core.techniques.filters import STRIDE
from core.techniques.sdedit import LADDER, sdedit
from core.wording import clipped

TIMESTEPS = tuple(range(990, -1, -STRIDE))
"""990, 960, ..., 0. Start i is TIMESTEPS[i]; the last start, len(TIMESTEPS), is the picture itself."""
ORIGINALS = ("original", "original 2", "original 3")
"""The names of the pictures that a run can start from; all but one experiment use the first alone."""
MAX_STARTS = 8
MAX_ROWS = 4
GUIDED = replace(GUIDANCE, info="0 to 20: 0 ignores the prompt, more insists.")
SEEDS = Whole("Seeds", "1 to 4 rows, each from its own noise.", "The number of seeds", low=1, high=MAX_ROWS)


def starts_of(text: object) -> tuple[int, ...]:
    """Starts i from comma-separated text, ascending: 1 to MAX_STARTS different ones in 0 .. 33. Raises Refused."""
    parts = [p for p in str(text or "").replace(";", ",").split(",") if p.strip()] if isinstance(text, str) else []
    if not 1 <= len(parts) <= MAX_STARTS:
        raise Refused(f"Give 1 to {MAX_STARTS} starts i, separated by commas, such as 1, 3, 5, 7, 10, 20.")
    starts = sorted(whole(p, 0, len(TIMESTEPS) - 1, "Every start i") for p in parts)
    if len(set(starts)) < len(starts):
        raise Refused("Every start i may be given only once.")
    return tuple(starts)


STARTS = Text(
    "Starts i",
    "1 to 8 of 0 to 33; larger keeps more of your picture.",
    read=lambda t: ", ".join(map(str, starts_of(t))),
)
PROMPTS = Text(
    "Several prompts", "1 to 4, one per line: a row each.", read=lambda t: "\n".join(prompts_of(t, MAX_ROWS)), lines=3
)  # fmt: skip


@dataclass(frozen=True)
class SDEditRequest(Request):
    """How to noise a picture and denoise it again.

    Args:
        prompt: what the picture should become; empty means unconditional.
        guidance: w of classifier-free guidance; without a prompt it changes nothing.
        starts: indices 0 .. 33 into TIMESTEPS; a larger one is nearer to the picture.
        n: the number of rows; row k starts from the noise of seed + k.
        prompts: for the experiment with several prompts, one per line.
        model: a registry name of kind "text".
        sampler: a key of `core.diffusion.sampler_table.ETAS`.
        seed: of the first row.
    """

    KIND = "sdedit"
    prompt: str = asked("an emoji of a red apple", replace(PROMPT, info="What it should become; may be empty."))
    guidance: float = asked(3.0, GUIDED)
    starts: str = asked(", ".join(map(str, LADDER)), STARTS)
    n: int = asked(1, SEEDS)
    prompts: str = asked("an emoji of a red apple\nan emoji of a tomato\nan emoji of a red heart", PROMPTS)
    model: str = asked("pocket", MODEL)
    sampler: str = asked(
        "ddim",
        replace(
            SAMPLER,
            info="DDIM adds no noise on the way, DDPM does.",
            options={name: TEXT_SAMPLERS[name].title for name in ETAS},
        ),
    )
    seed: int = asked(180, SEED)


@dataclass(frozen=True, kw_only=True)
class Ladder(Plan):
    """Rows of strengths that run as one batch; each row ends with the picture itself, which costs nothing.

    Its inputs are pictures, (64, 64, 3).

    Args:
        rows: (label, prompt, seed) of each row.
    """

    request: SDEditRequest
    rows: tuple[tuple[str, str, int], ...]

    @property
    def starts(self) -> tuple[int, ...]:
        """The starts of one row, the picture itself last."""
        return (*starts_of(self.request.starts), len(TIMESTEPS))

    @property
    def originals(self) -> Sequence[str]:
        """The name of the picture that each row starts from."""
        return ORIGINALS[:1] * len(self.rows)

    @property
    def prompts(self) -> Sequence[str]:
        return [prompt for _, prompt, _ in self.rows]

    @property
    def count(self) -> int:
        return len(self.starts) * len(self.rows)

    @property
    def ours(self) -> Sequence[int]:
        return [k for k in range(self.count) if (k + 1) % self.columns]

    @property
    def scale(self) -> float:
        """w; without any prompt 0, which halves the network's work."""
        return self.request.guidance if any(self.prompts) else 0.0

    @property
    def guiding(self) -> dict:
        return {"guidance": self.scale}

    def cost(self) -> tuple[int, float]:
        calls = len(TIMESTEPS) - self.starts[0]
        return calls, halves(self.scale) * len(self.rows) * sum(len(TIMESTEPS) - i for i in self.starts) / calls

    def run(self, device: str = "auto") -> Iterator[Step]:
        model, columns = load(self.request.model, device), self.columns
        guided = bounded(guide(model, self.scale))
        pictures = np.stack([self.inputs[name] for name in self.originals]).repeat(columns, axis=0)
        pictures = from_uint8(pictures, -1, 1).to(model.device)  # (B, 3, 64, 64)
        cond = guided.encode([prompt or None for prompt in self.prompts for _ in range(columns)])
        source = [generator(seed) for _, _, seed in self.rows for _ in range(columns)]
        starts, eta = self.starts * len(self.rows), ETAS[self.request.sampler]
        return in_pixels(guided, sdedit(guided, pictures, visits_from(TIMESTEPS, starts), cond, source, eta))

    def made_from(self, k: int) -> tuple[str, int]:
        return self.rows[k // self.columns][1:]

    def truth(self, k: int) -> np.ndarray | None:
        return None if (k + 1) % self.columns else self.inputs.get(self.original_of(k) + FINE)

    def original_of(self, k: int) -> str:
        """The name of the picture that picture k starts from."""
        return self.originals[k // self.columns]

    def begun(self, k: int, i: int) -> bool:
        """Whether picture k has a clean estimate at step i: from the network, or as the original itself."""
        start = self.starts[k % self.columns]
        return start == self.starts[-1] or start <= self.starts[0] + i

    # ---- words and rows ----

    @property
    def caption(self) -> str:
        r, prompts = self.request, sorted({p for p in self.prompts if p})
        words = f"“{prompts[0]}”" if len(prompts) == 1 else f"{len(prompts)} prompts" if prompts else "no prompt"
        w = f"guidance {r.guidance:g}; " if prompts else ""
        return f"{r.model}: {words}; {TEXT_SAMPLERS[r.sampler].title} from t = 990 - 30 i; {w}seed {r.seed}."

    @property
    def name(self) -> str:
        return f"sdedit-{super().name}"

    @property
    def columns(self) -> int:
        return len(self.starts)

    @property
    def across(self) -> Sequence[str]:
        return [*(f"i = {i} · t = {TIMESTEPS[i]}" for i in self.starts[:-1]), "original"]

    @property
    def down(self) -> Sequence[str]:
        labels = [label for label, _, _ in self.rows]
        return labels if any(labels) else []

    @property
    def beside(self) -> int:
        return 1

    @property
    def titles(self) -> Sequence[str]:
        columns = [*(f"i-{i}" for i in self.starts[:-1]), "original"]
        return [f"row-{r}-{column}" for r in range(1, len(self.rows) + 1) for column in columns]

    @property
    def lane_titles(self) -> Sequence[str]:
        return "x_0: the clean estimate; grey: not begun yet", STATE

    @property
    def origins(self) -> Sequence[str]:
        return "", "Where each one began: your picture, noised"

    def lanes(self, frame: Frame) -> list[np.ndarray]:
        x_0 = frame.x_0.copy()
        x_0[[k for k in range(len(x_0)) if not self.begun(k, frame.i)]] = WAITING
        return [x_0, frame.x_t]

    def tiles(self, frame: Frame) -> list[tuple[str, np.ndarray]]:
        return list(zip(self.titles, self.lanes(frame)[0], strict=True))


@dataclass(frozen=True, kw_only=True)
class Pictures(Ladder):
    """A row from each of ORIGINALS that is there; two at least."""

    @property
    def originals(self) -> Sequence[str]:
        return [name for name in ORIGINALS if name in self.inputs]

    def agreed(self) -> "Pictures":
        if len(self.originals) < 2:
            raise Refused("Put a second picture on a sheet under “Two more pictures”: each picture is a row.")
        return replace(self, rows=self.rows[: len(self.originals)])


def ladder(r: SDEditRequest) -> Ladder:
    """One row per seed."""
    return Ladder(request=r, rows=tuple((f"seed {s}" if r.n > 1 else "", r.prompt, s) for s in seeds(r.seed, r.n)))


def with_and_without(r: SDEditRequest) -> Ladder:
    """The same noise without a prompt and with it. Raises Refused if there is no prompt."""
    if not r.prompt:
        raise Refused("Give a prompt: the second row is drawn with it, the first without.")
    return Ladder(request=r, rows=(("no prompt", "", r.seed), (clipped(r.prompt), r.prompt, r.seed)))


def several_prompts(r: SDEditRequest) -> Ladder:
    """The same noise with each of the prompts. Raises Refused if there are none."""
    prompts = prompts_of(r.prompts, MAX_ROWS)
    if not prompts:
        raise Refused(f"Give 1 to {MAX_ROWS} prompts to compare, one per line.")
    return Ladder(request=r, rows=tuple((clipped(p), p, r.seed) for p in prompts))


def several_pictures(r: SDEditRequest) -> Pictures:
    """The same noise and prompt with each picture."""
    return Pictures(request=r, rows=tuple((f"picture {k}", r.prompt, r.seed) for k in range(1, len(ORIGINALS) + 1)))


LADDERS = {
    "ladder": ladder,
    "with-and-without": with_and_without,
    "several-prompts": several_prompts,
    "several-pictures": several_pictures,
}
"""Experiment -> function that makes its plan; the first is the plain run."""
