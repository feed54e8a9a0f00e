"""What a tab is asked for: a frozen dataclass whose fields say once what they are, what is allowed, and in which words.

    @dataclass(frozen=True)
    class Interpolation(Request):
        KIND = "interpolation"
        prompt: str = asked("an emoji of a panda", PROMPT)
        columns: int = asked(5, Whole(2, 12, "Columns", "2 to 12 pictures from one noise to the other."))

What a person typed is checked by `Request.checked`; saved settings, the page's widgets, the names of the API's parameters
and the cost line follow from the same declaration. Adding a parameter to a tab is adding a field.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, TypeVar

from core.checks import Refused, choice, number, real, whole
from core.diffusion.noise import MAX_SEED
from core.diffusion.sampler_table import Sampler
from core.models.registry import MODELS
from core.pictures.images import SETTINGS_KEY
from core.runs.prompts import prompt_of, text_model, text_models

R = TypeVar("R", bound="Request")


@dataclass(frozen=True)
class Kind:
    """What a field is. Every kind has a widget in `tabs.ui.form`.

    Args:
        label: of its widget.
        info: one line on its range and effect.
        what: how a refusal names it; by default "The" and the label.
        parts: names of the parameters that the field is made of, where it has several.
    """

    label: str = ""
    info: str = ""
    what: str = ""
    parts: tuple[str, ...] = ()

    @property
    def named(self) -> str:
        """How a refusal names it."""
        return self.what or f"The {self.label[:1].lower()}{self.label[1:]}"

    def check(self, value: object, request: "Request") -> Any:
        """The value as it should be, or Refused. `request` has all values as they were sent."""
        return value

    def as_widget(self, value: Any) -> Any:
        """The value as its widget has it; of several parts, one each."""
        return [*value, *[""] * len(self.parts)][: len(self.parts)] if self.parts else value

    def part(self, name: str) -> "Kind":
        """What one of its parameters is."""
        return self

    def joined(self, values: Sequence) -> Any:
        """The value from those of all its parameters."""
        return values


@dataclass(frozen=True)
class Prompt(Kind):
    """One line of text. `lines`: the height of its widget."""

    lines: int = 1

    def check(self, value: object, request: "Request") -> str:
        return prompt_of(value, self.named)


@dataclass(frozen=True)
class Suggested(Prompt):
    """One line of text, of which a few are offered. `options`: key -> what people read."""

    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Text(Kind):
    """Text that its request reads, checks and writes as it should be.

    Args:
        read: from what was sent to the value. Raises Refused.
        write: from the value to the widget's text.
        lines: the height of its widget.
    """

    read: Callable[[object], Any] = str
    write: Callable[[Any], str] = str
    lines: int = 1

    def check(self, value: object, request: "Request") -> Any:
        return self.read(value)

    def as_widget(self, value: Any) -> str:
        return self.write(value)


@dataclass(frozen=True)
class Whole(Kind):
    """A whole number from low to high, in steps of `step` on its slider; without a slider it is typed."""

    low: int = 0
    high: int = 1
    step: int = 1
    slider: bool = True

    def check(self, value: object, request: "Request") -> int:
        return whole(value, self.low, self.high, self.named)


@dataclass(frozen=True)
class Real(Kind):
    """A number from low to high, in steps of `step` on its slider."""

    low: float = 0.0
    high: float = 1.0
    step: float = 0.1

    def check(self, value: object, request: "Request") -> float:
        return real(value, self.low, self.high, self.named)


@dataclass(frozen=True)
class Choice(Kind):
    """One of a few.

    Args:
        options: key -> what people read.
        listed: whether they are a list to open, not all in sight.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    listed: bool = False

    def check(self, value: object, request: "Request") -> str:
        return choice(value, self.options, self.named)


@dataclass(frozen=True)
class Model(Kind):
    """A model that draws from a prompt, and is here."""

    def options(self) -> dict[str, str]:
        """name -> what people read."""
        return {name: MODELS[name].title for name in text_models()}

    def check(self, value: object, request: "Request") -> str:
        return text_model(value)


@dataclass(frozen=True)
class Steps(Whole):
    """The number of steps, within the bounds of the request's sampler in `table`."""

    table: Mapping[str, Sampler] = field(default_factory=dict)

    def check(self, value: object, request: "Request") -> int:
        sampler = self.table[choice(request.sampler, self.table, "The sampler")]
        low, _, high = sampler.steps
        if low == high and number(value) != low:
            raise Refused(f"The sampler {request.sampler} takes exactly {low} steps.")
        return whole(value, low, high, f"The number of steps with {sampler.title}")


@dataclass(frozen=True)
class Seed(Whole):
    """A seed, with a dice for a new one."""

    label: str = "Seed"
    info: str = "Same seed and settings, same picture."
    high: int = MAX_SEED


def asked(default: Any, kind: Kind) -> Any:
    """A field of a request: its default and its kind."""
    return field(default=default, metadata={"kind": kind})


@dataclass(frozen=True)
class Request:
    """Base of what the tabs are asked for. `checked` is the way in for anything a person typed or a file holds."""

    KIND: ClassVar[str | None] = None
    """What saved pictures call it."""
    ORDER: ClassVar[tuple[str, ...]] = ()
    """The API's parameters where they do not come in the order of the fields."""

    @classmethod
    @cache
    def kinds(cls) -> dict[str, Kind]:
        """Field -> what it is."""
        return {f.name: f.metadata["kind"] for f in dataclasses.fields(cls)}

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The parameters, in the API's order."""
        return cls.ORDER or tuple(p for name, kind in cls.kinds().items() for p in kind.parts or (name,))

    @classmethod
    def checked(cls: type[R], **values: object) -> R:
        """A request from untrusted values of fields; what is not given has its default.

        Raises:
            Refused: one sentence that says which value is wrong and what is allowed.
            ModelError: the model does not exist or is not here.
        """
        sent = cls(**values)
        kinds = cls.kinds().items()
        return cls(**{name: kind.check(getattr(sent, name), sent) for name, kind in kinds}).agreed()

    @classmethod
    def of_parameters(cls: type[R], **values: object) -> R:
        """The same from values of the parameters, of which a field may have several."""
        fields = {}
        for name, kind in cls.kinds().items():
            given = [values[p] for p in kind.parts or (name,) if p in values]
            if given:
                fields[name] = kind.joined(given) if kind.parts else given[0]
        return cls.checked(**fields)

    @classmethod
    def restored(cls: type[R], settings: Mapping) -> R:
        """The same from the settings that a saved picture carries; those of an older one may have fewer."""
        return cls.checked(**{name: settings[name] for name in cls.kinds() if name in settings})

    @classmethod
    def recalled(cls: type[R], settings: Mapping) -> R:
        """The same from the settings of a run of this app, whose model need not be here now; nothing is checked."""
        known = {name: settings[name] for name in cls.kinds() if name in settings}
        return cls(**{name: tuple(v) if isinstance(v, list) else v for name, v in known.items()})

    def agreed(self: R) -> R:
        """The request itself, once its values go together. Raises Refused."""
        return self

    def parameters(self) -> dict[str, Any]:
        """Parameter -> its value as its widget has it."""
        values: dict[str, Any] = {}
        for name, kind in self.kinds().items():
            value = kind.as_widget(getattr(self, name))
            values |= dict(zip(kind.parts, value, strict=True)) if kind.parts else {name: value}
        return {name: values[name] for name in self.names()}

    def settings(self) -> dict:
        """What a saved picture carries."""
        return {"app": SETTINGS_KEY, "kind": self.KIND, **dataclasses.asdict(self)}


def several(values: object, most: int, what: str) -> list:
    """A list or tuple of at most `most` things. Raises Refused."""
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise Refused(f"The {what} must be a list.")
    if len(values) > most:
        raise Refused(f"There can be at most {most} {what}, not {len(values)}.")
    return list(values)
