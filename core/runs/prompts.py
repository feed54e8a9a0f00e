"""The parts that every run from a prompt needs: the text models, their remarks on a prompt, and common bounds."""

from collections.abc import Sequence

from core.checks import ModelError, Refused
from core.models.captions import DRAWING_STYLES
from core.models.registry import availability, of_task, spec
from core.models.spec import PAINTED, Reader, named
from core.techniques.attention import Word
from core.wording import listed

MAX_PICTURES = 8
MAX_GUIDANCE = 20.0
MAX_PROMPT = 2000  # characters
OFFERED = (
    *(style.prompt for style in DRAWING_STYLES.values()),
    *("a drawing of", "a photo of", "an oil painting of", "a lithograph of", "a watercolour of"),
)
"""Styles that a person may choose as the start of a prompt."""
NOISIEST = 999  # the largest timestep of every text model; T = 1000


# ---- Models ----


def text_models() -> list[str]:
    """The names of the models that take a prompt."""
    return [model.name for model in of_task("text")]


def text_model(name: object) -> str:
    """A text model's name, checked to be here. Raises ModelError."""
    model = spec(name)
    if model.task != "text":
        raise ModelError(f"The model {model.name} does not draw from a prompt; these do: {', '.join(text_models())}.")
    ready, sentence = availability(model.name)
    if not ready:
        raise ModelError(sentence)
    return model.name


def default_model() -> str:
    """The initial text model: the largest one that is ready and has a GPU here, else "pocket"."""
    first = [model.name for model in of_task("text") if model.source.comes_first(model)]
    return first[-1] if first else "pocket"


def default_guidance(model: str) -> float:
    """The guidance scale that suits a model best."""
    return spec(model).guidance


def about_student(model: str) -> str:
    """The steps and the guidance that a student of few steps learned, as a sentence; "" for another model."""
    student = spec(model)
    if not student.counts:
        return ""
    low, high = student.scales
    return f"{student.name} draws in {listed(student.counts)} steps, with guidance {low:g} to {high:g} inside it."


# ---- Prompts ----


def prompt_of(text: object, what: str = "The prompt") -> str:
    """A prompt as one line. Raises Refused unless it is text of at most MAX_PROMPT characters."""
    if text is not None and not isinstance(text, str):
        raise Refused(f"{what} must be text.")
    line = " ".join((text or "").split()).encode("utf-8", "replace").decode()  # a lone surrogate cannot be sent back
    if len(line) > MAX_PROMPT:
        raise Refused(f"{what} must be at most {MAX_PROMPT:,} characters long, not {len(line):,}.")
    return line


def prompts_of(text: object, most: int) -> tuple[str, ...]:
    """Prompts, one per line. Raises Refused if it is not text or has more than so many prompts."""
    if text is not None and not isinstance(text, str):
        raise Refused("The prompts must be text, one per line.")
    lines = tuple(prompt_of(line, "Every prompt") for line in (text or "").splitlines() if line.strip())
    if len(lines) > most:
        raise Refused(f"Give at most {most} prompts, one per line, not {len(lines)}.")
    return lines


# ---- What a model makes of a prompt; its network is not loaded for it ----


def remarks(model: str, prompt: str) -> list[str]:
    """The model's remarks on a prompt: unknown words, cut words, no words. One sentence each."""
    if not prompt:
        return ["There is no prompt, so the pictures are unconditional and guidance changes nothing."]
    return _reader(model).remarks(prompt)


def styles(model: str) -> tuple[str, ...]:
    """The phrases that ask the model for a thing in a style: "a flat drawing of"."""
    return _reader(model).styles()


def never_seen(model: str, prompts: Sequence[str]) -> list[bool]:
    """Whether each prompt asks for a thing in a style in which the model never saw it."""
    return _reader(model).never_seen(prompts)


def thing_of(prompt: str) -> str:
    """A prompt without the style before its thing: "an emoji of a fox" -> "a fox"."""
    known = (*OFFERED, *PAINTED, "a high quality photo of", "a picture of")
    style = next((style for style in known if f"{prompt.lower()} ".startswith(f"{style} ")), "")
    return prompt[len(style) :].strip()


def left_out(model: str, prompts: Sequence[str]) -> list[str]:
    """The parts of the prompts that the model's text encoder left out, a sentence each; known after a run."""
    return _reader(model).left_out(prompts)


def placed(model: str, prompt: str) -> list[Word]:
    """The words of a prompt with their tokens; empty if the model's attention cannot be watched."""
    return _reader(model).words(prompt)


def about_maps(model: str, prompt: str) -> str:
    """The facts that a reader of the word maps needs; "" for none."""
    return _reader(model).about_maps(prompt)


def summed(model: str) -> bool:
    """Whether a prompt also acts as the sum of its words, see `core.models.spec.Reader`."""
    return _reader(model).summed


def unread(model: str, prompts: Sequence[str]) -> list[str]:
    """The prompts, including "no prompt", for which a large text encoder must be loaded first."""
    return _reader(model).unread(prompts)


def _reader(model: str) -> Reader:
    return named(spec(model).reader)(spec(model))
