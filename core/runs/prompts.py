"""Prompts and the models that draw from them: what is a prompt, what a model makes of it, which models there are."""

from collections.abc import Sequence

from core.checks import ModelError, Refused
from core.diffusion.schedule import Schedule
from core.models import pocket
from core.models.captions import Vocabulary
from core.models.deepfloyd import stages
from core.models.deepfloyd.hub import is_deepfloyd
from core.models.registry import MODELS, availability, card, spec

MAX_PICTURES = 8
MAX_GUIDANCE = 20.0
MAX_PROMPT = 2000  # characters
GUIDANCE = {"pocket": 3.0}  # by the benchmark; 7, the published number, elsewhere
NOISIEST = 999  # the largest timestep of every text model; T = 1000


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


def clipped(text: str, most: int = 40) -> str:
    """A prompt as a label."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def text_model(name: object) -> str:
    """A text model's name, checked to be here. Raises ModelError."""
    model = spec(name)
    if model.kind != "text":
        raise ModelError(f"The model {model.name} does not draw from a prompt; these do: {', '.join(text_models())}.")
    ready, sentence = availability(model.name)
    if not ready:
        raise ModelError(sentence)
    return model.name


def schedule_of(model: str) -> Schedule:
    """The schedule of a text model, which need not be here."""
    return (stages if is_deepfloyd(model) else pocket).SCHEDULE


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
