"""A request for pictures of a prompt: checked once, carried inside every saved picture, turned into Steps."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.checks import ModelError, Refused, choice, real, whole
from core.diffusion.denoiser import Denoiser
from core.diffusion.guidance import THRESHOLDS, Stretch, bounded, guide
from core.diffusion.noise import MAX_SEED, generators, randn
from core.diffusion.sampler_table import TEXT_SAMPLERS
from core.diffusion.samplers import Step, ddim
from core.diffusion.schedule import Schedule
from core.diffusion.timestep_lists import TIMESTEP_LISTS, timestep_list
from core.diffusion.visits import visits_together
from core.models.captions import Vocabulary
from core.models.deepfloyd.hub import default_model, is_deepfloyd
from core.models.registry import MODELS, availability, card, spec
from core.pictures.images import SETTINGS_KEY

MAX_PICTURES = 8
MAX_GUIDANCE = 20.0
MAX_PROMPT = 2000  # characters
GUIDANCE = {"pocket": 3.0}  # by the benchmark; 7, the published number, elsewhere
NOISIEST = 999  # the largest timestep of every text model; T = 1000
EVEN = "even"  # timesteps evenly spaced, as many as there are steps


def text_models() -> list[str]:
    """The names of the models that take a prompt."""
    return [m.name for m in MODELS.values() if m.kind == "text"]


def default_guidance(model: str) -> float:
    """The guidance that a model draws best with."""
    return GUIDANCE.get(model, 7.0)


def prompt_of(text: object, what: str = "The prompt") -> str:
    """A prompt as one line; Refused unless it is text of at most MAX_PROMPT characters."""
    if text is not None and not isinstance(text, str):
        raise Refused(f"{what} must be text.")
    line = " ".join((text or "").split()).encode("utf-8", "replace").decode()  # half a character cannot be sent back
    if len(line) > MAX_PROMPT:
        raise Refused(f"{what} must be at most {MAX_PROMPT:,} characters long, not {len(line):,}.")
    return line


def carried(kind: str, request: object) -> dict:
    """What a saved picture carries of the request, a dataclass, that made it."""
    return {"app": SETTINGS_KEY, "kind": kind, **dataclasses.asdict(request)}


def clipped(text: str, most: int = 40) -> str:
    """A prompt as a label."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


@dataclass(frozen=True)
class PictureRequest:
    """What to draw, and how. `PictureRequest.checked` is the way in for anything a person typed.

    Args:
        prompt: what to draw; empty means unconditional.
        negative: what takes the place of "no prompt" in guidance; empty for plain guidance.
        n: pictures; picture k starts from the noise of seed + k.
        model: a registry name of kind "text".
        sampler: a key of `core.diffusion.sampler_table.TEXT_SAMPLERS`.
        steps: number of steps.
        guidance: w of classifier-free guidance; 0 unconditional, 1 conditional.
        threshold: what bounds the clean estimate, a key of THRESHOLDS.
        seed: of the first picture.
        timesteps: "even", or the name of a published list in `core.diffusion.timestep_lists`, which decides the steps.
        ratio, top: of dynamic thresholding, the quantile and the largest threshold.
        guide_from, guide_to: the timesteps from which and down to which guidance is on; elsewhere w = 1.
    """

    prompt: str = "an emoji of a panda"
    negative: str = ""
    n: int = 4
    model: str = "pocket"
    sampler: str = "ddim"
    steps: int = 30
    guidance: float = 3.0
    threshold: str = "clip"
    seed: int = 180
    timesteps: str = EVEN
    ratio: float = 0.95
    top: float = 1.5
    guide_from: int = NOISIEST
    guide_to: int = 0

    @classmethod
    def of(cls, model: str | None = None) -> "PictureRequest":
        """The default request for a model, the best one here if none is named; DeepFloyd as the course runs it."""
        model = model if model in text_models() else default_model()
        if not model.startswith("if-"):
            return cls(model=model)
        course = {
            "sampler": "ddpm",
            "timesteps": "stride30",
            "threshold": "dynamic",
            "guidance": default_guidance(model),
        }
        return cls("an oil painting of a snowy mountain village", n=1, model=model, **course)

    @classmethod
    def checked(cls, **values: object) -> "PictureRequest":
        """A request from untrusted values.

        Raises:
            Refused: one sentence that says which value is wrong and what is allowed.
            ModelError: the model does not exist or is not here.
        """
        r = cls(**values)
        name = text_model(r.model)
        sampler = TEXT_SAMPLERS[choice(r.sampler, TEXT_SAMPLERS, "The sampler")]
        low, _, high = sampler.steps
        first = whole(r.guide_from, 0, NOISIEST, "The timestep from which guidance is on")
        last = whole(r.guide_to, 0, NOISIEST, "The timestep down to which guidance is on")
        if first < last:
            raise Refused(
                f"Guidance cannot be on from t = {first} down to t = {last}: t falls during a run, so it starts at the larger one."
            )
        return cls(
            prompt_of(r.prompt),
            prompt_of(r.negative, "The negative prompt"),
            whole(r.n, 1, MAX_PICTURES, "The number of pictures"),
            name,
            r.sampler,
            whole(r.steps, low, high, f"The number of steps with {sampler.title}"),
            real(r.guidance, 0, MAX_GUIDANCE, "The guidance"),
            choice(r.threshold, THRESHOLDS, "The threshold"),
            whole(r.seed, 0, MAX_SEED, "The seed"),
            choice(r.timesteps, (EVEN, *TIMESTEP_LISTS), "The timesteps"),
            real(r.ratio, 0.5, 1, "The quantile of the dynamic threshold"),
            real(r.top, 1, 10, "The largest dynamic threshold"),
            first,
            last,
        )

    def visits(self, schedule: Schedule, steps: int) -> list[int]:
        """The timesteps of a run with that many steps, or those of the named list."""
        return schedule.timesteps(steps) if self.timesteps == EVEN else timestep_list(self.timesteps)

    @property
    def stretch(self) -> Stretch | None:
        """Where guidance is on, as `core.diffusion.guidance.guide` takes it; None for everywhere."""
        return None if (self.guide_from, self.guide_to) == (NOISIEST, 0) else (self.guide_from, self.guide_to)

    @property
    def length(self) -> int:
        """How many steps a run takes."""
        return self.steps if self.timesteps == EVEN else len(timestep_list(self.timesteps))

    def settings(self) -> dict:
        """What a saved picture carries."""
        return carried("picture", self)


def text_model(name: object) -> str:
    """A text model's name, checked to be here. Raises ModelError."""
    model = spec(name)
    if model.kind != "text":
        raise ModelError(f"The model {model.name} does not draw from a prompt; these do: {', '.join(text_models())}.")
    ready, sentence = availability(model.name)
    if not ready:
        raise ModelError(sentence)
    return model.name


def draw(
    model: Denoiser, prompts: Sequence[str], guidance: float, steps: int, seed: int, stretch: Stretch | None = None
) -> Iterator[Step]:
    """One picture per prompt with DDIM, picture k from the noise of seed + k; the estimate is clipped to [-1, 1].

    Args:
        guidance, stretch: as `core.diffusion.guidance.guide` takes them.
    """
    x = randn((len(prompts), *model.shape), generators(seed, len(prompts)), model.device)
    guided = bounded(guide(model, guidance, stretch=stretch))
    visits = visits_together(model.schedule.timesteps(steps), len(prompts))
    return ddim(guided, x, visits, guided.encode([p or None for p in prompts]))


# ---- What a model makes of a prompt; its network is not loaded for it ----


def remarks(model: str, prompt: str) -> list[str]:
    """What the model makes of a prompt: unknown words, cut words, no words. One sentence each.

    DeepFloyd's text encoder is large, so of a prompt that it has not read yet there is nothing to say.
    """
    if not prompt:
        return ["There is no prompt, so the pictures are unconditional and guidance changes nothing."]
    if is_deepfloyd(model):
        return _reader(model).bank.remarks(prompt)
    about = card(model)
    only = {word: style for style, words in about["seen_only_in"].items() for word in words}
    return Vocabulary(about["architecture"]["words"], only).remarks(prompt, model)


def left_out(model: str, prompts: Sequence[str]) -> list[str]:
    """What DeepFloyd's text encoder left out of prompts when it read them, for after a run; of others nothing."""
    return [line for p in prompts if p and is_deepfloyd(model) for line in remarks(model, p)]


def unread(model: str, prompts: Sequence[str]) -> list[str]:
    """Those prompts for which DeepFloyd's text encoder must be loaded first, "no prompt" among them; of others none."""
    return _reader(model).missing(["", *prompts]) if prompts and is_deepfloyd(model) else []


def _reader(model: str):
    from core.models.deepfloyd.stages import text_of

    return text_of(model)
