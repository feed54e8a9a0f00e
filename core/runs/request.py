"""Requests: a tab's settings as a frozen dataclass. Each field declares its type, its range and its words once.

    @dataclass(frozen=True)
    class Interpolation(Request):
        KIND = "interpolation"
        prompt: str = asked("an emoji of a panda", PROMPT)
        columns: int = asked(7, Whole("Pictures", "2 to 12 from one noise to the other.", low=2, high=12))

`Request.checked` checks what a person typed. Saved settings, the page's widgets, the API's parameter names and the cost
line use the same declaration. A new field adds a parameter to its tab.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, TypeVar

from core.checks import Refused, choice, number, real, several, whole
from core.diffusion.noise import MAX_SEED
from core.diffusion.sampler_table import Sampler
from core.models.registry import MODELS, availability
from core.pictures.images import SETTINGS_KEY
from core.runs.prompts import prompt_of, text_model, text_models
from core.wording import listed

R = TypeVar("R", bound="Request")
SEEDS = f"0 to {MAX_SEED}"
"""The range of a seed, in words."""


@dataclass(frozen=True)
class Kind:
    """The type of a field. Every kind has a widget in `tabs.ui.form`.

    Args:
        label: the label of its widget.
        info: one line on its range and effect.
        what: its name in a refusal; by default "The" and the label.
        parts: the names of its parameters, if it has several.
    """

    label: str = ""
    info: str = ""
    what: str = ""
    parts: tuple[str, ...] = ()

    @property
    def named(self) -> str:
        """Its name in a refusal."""
        return self.what or f"The {self.label[:1].lower()}{self.label[1:]}"

    def check(self, value: object, request: "Request") -> Any:
        """The checked value. Raises Refused. `request` has all values as they were sent."""
        return value

    def as_widget(self, value: Any) -> Any:
        """The value for its widget; a list with one value per part, if there are several."""
        return [*value, *[""] * len(self.parts)][: len(self.parts)] if self.parts else value

    def part(self, name: str) -> "Kind":
        """The kind of one of its parameters."""
        return self

    def joined(self, values: Sequence) -> Any:
        """The value made from the values of its parameters."""
        return values


@dataclass(frozen=True, kw_only=True)
class Prompt(Kind):
    """One line of text. `lines`: the height of its widget."""

    lines: int = 1

    def check(self, value: object, request: "Request") -> str:
        return prompt_of(value, self.named)


@dataclass(frozen=True, kw_only=True)
class Suggested(Prompt):
    """One line of text with a few suggestions. `options`: key -> title."""

    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Text(Kind):
    """Text that the request reads, checks and writes.

    Args:
        read: turns what was sent into the value. Raises Refused.
        write: turns the value into the widget's text.
        lines: the height of its widget.
        partial: whether only some runs of its request use it. Those alone refuse text that cannot be read.
    """

    read: Callable[[object], Any] = str
    write: Callable[[Any], str] = str
    lines: int = 1
    partial: bool = False

    def check(self, value: object, request: "Request") -> Any:
        try:
            return self.read(value)
        except Refused:
            if not self.partial:
                raise
            prompt_of(value, self.named)  # refuses what is no text, or too long
            return value

    def as_widget(self, value: Any) -> str:
        return self.write(value)


@dataclass(frozen=True, kw_only=True)
class Whole(Kind):
    """A whole number from low to high, in steps of `step` on its slider; without a slider it is typed."""

    low: int = 0
    high: int = 1
    step: int = 1
    slider: bool = True

    def check(self, value: object, request: "Request") -> int:
        return whole(value, self.low, self.high, self.named)


@dataclass(frozen=True, kw_only=True)
class Real(Kind):
    """A number from low to high, in steps of `step` on its slider; with `usual` values, a list of them or one that is typed."""

    low: float = 0.0
    high: float = 1.0
    step: float = 0.1
    usual: tuple[float, ...] = ()

    def check(self, value: object, request: "Request") -> float:
        return real(value, self.low, self.high, self.named)


@dataclass(frozen=True, kw_only=True)
class Choice(Kind):
    """One of a few.

    Args:
        options: key -> title.
        listed: whether they are in a drop-down list, not all visible.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    listed: bool = False

    def check(self, value: object, request: "Request") -> str:
        return choice(value, self.options, self.named)


@dataclass(frozen=True, kw_only=True)
class Several(Kind):
    """One or more of a few, in the order of `options`: key -> title."""

    options: Mapping[str, str] = field(default_factory=dict)

    def check(self, value: object, request: "Request") -> tuple[str, ...]:
        chosen = {choice(name, self.options, f"Each of {self.named.lower()}") for name in several(value, 99, "choices")}
        if not chosen:
            raise Refused(f"{self.named} must be one or more of {', '.join(self.options)}.")
        return tuple(name for name in self.options if name in chosen)

    def as_widget(self, value: Any) -> list[str]:
        return list(value)


@dataclass(frozen=True, kw_only=True)
class Model(Kind):
    """A model that draws from a prompt, and is here.

    Args:
        few: whether a student of few steps does too.
    """

    few: bool = False

    def options(self) -> dict[str, str]:
        """name -> what people read; a student only if it is here."""
        offered = lambda name: not MODELS[name].student or (self.few and availability(name)[0])  # noqa: E731
        return {name: MODELS[name].title for name in text_models() if offered(name)}

    def check(self, value: object, request: "Request") -> str:
        name = text_model(value)
        if MODELS[name].student and not self.few:
            raise Refused(
                f"The model {name} leaps over most timesteps, and this needs all of them: choose its teacher."
            )
        return name


@dataclass(frozen=True, kw_only=True)
class Steps(Whole):
    """The number of steps, within the bounds of the request's sampler in `table`."""

    table: Mapping[str, Sampler] = field(default_factory=dict)

    def check(self, value: object, request: "Request") -> int:
        sampler = self.table[choice(request.sampler, self.table, "The sampler")]
        low, _, high = sampler.steps
        if low == high and number(value) != low:
            raise Refused(f"The sampler {request.sampler} takes exactly {low} steps.")
        if sampler.counts and number(value) not in sampler.counts:
            raise Refused(f"The number of steps with {sampler.title} must be {listed(sampler.counts)}.")
        return whole(value, low, high, f"The number of steps with {sampler.title}")


@dataclass(frozen=True, kw_only=True)
class Seed(Whole):
    """A seed, with a dice for a new one."""

    label: str = "Seed"
    info: str = f"{SEEDS}; same seed and settings, same picture."
    high: int = MAX_SEED


def asked(default: Any, kind: Kind) -> Any:
    """A field of a request: its default and its kind."""
    return field(default=default, metadata={"kind": kind})


@dataclass(frozen=True)
class Request:
    """Base of all requests. Values that a person typed or a file holds come in through `checked`."""

    KIND: ClassVar[str | None] = None
    """Its name in saved pictures."""
    ORDER: ClassVar[tuple[str, ...]] = ()
    """The API's parameters, if their order differs from the order of the fields."""

    @classmethod
    @cache
    def kinds(cls) -> dict[str, Kind]:
        """Field -> its kind."""
        return {f.name: f.metadata["kind"] for f in dataclasses.fields(cls)}

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The parameters, in the API's order."""
        return cls.ORDER or tuple(p for name, kind in cls.kinds().items() for p in kind.parts or (name,))

    @classmethod
    def checked(cls: type[R], **values: object) -> R:
        """A request from untrusted values of fields; missing ones have their defaults.

        Raises:
            Refused: one sentence that says which value is wrong and what is allowed.
            ModelError: the model does not exist or is not here.
        """
        sent = cls(**values)
        kinds = cls.kinds().items()
        return cls(**{name: kind.check(getattr(sent, name), sent) for name, kind in kinds}).agreed()

    @classmethod
    def of_parameters(cls: type[R], **values: object) -> R:
        """The same from values of the parameters; a field may have several parameters."""
        fields = {}
        for name, kind in cls.kinds().items():
            given = [values[p] for p in kind.parts or (name,) if p in values]
            if given:
                fields[name] = kind.joined(given) if kind.parts else given[0]
        return cls.checked(**fields)

    @classmethod
    def of_values(cls: type[R], values: Sequence) -> R:
        """The same from the values of all parameters, in their order."""
        return cls.of_parameters(**dict(zip(cls.names(), values, strict=True)))

    @classmethod
    def restored(cls: type[R], settings: Mapping) -> R:
        """The same from the settings in a saved picture; an older picture may have fewer."""
        return cls.checked(**{name: settings[name] for name in cls.kinds() if name in settings})

    @classmethod
    def recalled(cls: type[R], settings: Mapping) -> R:
        """The same from the settings of an earlier run, unchecked; its model need not be here now."""
        known = {name: settings[name] for name in cls.kinds() if name in settings}
        return cls(**{name: tuple(v) if isinstance(v, list) else v for name, v in known.items()})

    def agreed(self: R) -> R:
        """The request itself. Raises Refused if its values do not fit each other."""
        return self

    def parameters(self) -> dict[str, Any]:
        """Parameter -> the value for its widget."""
        values: dict[str, Any] = {}
        for name, kind in self.kinds().items():
            value = kind.as_widget(getattr(self, name))
            values |= dict(zip(kind.parts, value, strict=True)) if kind.parts else {name: value}
        return {name: values[name] for name in self.names()}

    def settings(self) -> dict:
        """The settings that a saved picture carries."""
        return {"app": SETTINGS_KEY, "kind": self.KIND, **dataclasses.asdict(self)}
