"""A field of a request says once what it is: what is refused, what is saved, and the parameters follow from it."""

import importlib
import json
import pkgutil
import re
from dataclasses import dataclass

import pytest

from core import runs
from core.checks import Refused
from core.runs.request import Choice, Prompt, Real, Request, Seed, Text, Whole, asked


def numbers(text: object) -> tuple[int, ...]:
    """Comma-separated whole numbers."""
    parts = text if isinstance(text, (list, tuple)) else str(text).split(",")
    if not all(str(p).strip().isdigit() for p in parts):
        raise Refused("The levels must be whole numbers.")
    return tuple(int(p) for p in parts)


@dataclass(frozen=True)
class Toy(Request):
    KIND = "toy"
    ORDER = ("seed", "prompt_1", "n", "prompt_2", "levels", "way", "w")
    prompts: tuple[str, ...] = asked(("a", "b"), Prompt("Prompts", parts=("prompt_1", "prompt_2")))
    n: int = asked(3, Whole("Rows", "1 to 4.", "The number of rows", low=1, high=4))
    w: float = asked(1.5, Real("Guidance w", high=2))
    way: str = asked("up", Choice("Way", options={"up": "upwards", "down": "downwards"}))
    levels: tuple[int, ...] = asked((1, 2), Text("Levels", read=numbers, write=lambda v: ", ".join(map(str, v))))
    seed: int = asked(7, Seed())

    def agreed(self) -> "Toy":
        if self.way == "down" and self.n == 4:
            raise Refused("Four rows do not go down.")
        return self


@pytest.fixture(autouse=True)
def rows(monkeypatch):
    """Prompts of a field with two parameters are checked one by one."""
    one = Prompt.check
    many = lambda self, value, request: tuple(one(self, v, request) for v in value)  # noqa: E731
    monkeypatch.setattr(Prompt, "check", lambda self, v, r: (many if self.parts else one)(self, v, r))


def test_what_is_not_given_has_its_default_and_numbers_may_come_as_text():
    assert Toy.checked() == Toy()
    r = Toy.checked(n="2", w="0.5", levels="3, 4", seed=8.0)
    assert (r.n, r.w, r.levels, r.seed) == (2, 0.5, (3, 4), 8)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"n": 5}, "The number of rows must be a whole number from 1 to 4."),
        ({"w": 2.1}, "The guidance w must be a number from 0 to 2."),
        ({"way": "round"}, "The way must be one of up, down."),
        ({"levels": "1, x"}, "The levels must be whole numbers."),
        ({"seed": -1}, "The seed must be a whole number from 0 to 2147483647."),
        ({"n": 4, "way": "down"}, "Four rows do not go down."),
    ],
)
def test_a_bad_value_is_refused_in_the_words_of_its_field(values, sentence):
    with pytest.raises(Refused) as refused:
        Toy.checked(**values)
    assert str(refused.value) == sentence


def test_a_field_that_does_not_exist_is_no_field():
    with pytest.raises(TypeError, match="round"):
        Toy.checked(round=1)


def test_parameters_come_in_their_order_as_the_widgets_have_them():
    assert Toy.names() == Toy.ORDER
    assert list(Toy().parameters().items()) == [
        ("seed", 7), ("prompt_1", "a"), ("n", 3), ("prompt_2", "b"), ("levels", "1, 2"), ("way", "up"), ("w", 1.5),
    ]  # fmt: skip
    assert Toy(prompts=("a",)).parameters()["prompt_2"] == ""


def test_a_request_comes_back_from_its_parameters_and_from_what_a_picture_carries():
    r = Toy(("x", "y"), 2, 0.25, "down", (5,), 11)
    assert Toy.of_parameters(**r.parameters()) == r
    saved = json.loads(json.dumps(r.settings()))
    assert saved["kind"] == "toy" and Toy.restored(saved) == r == Toy.recalled(saved)


def test_settings_of_before_a_field_was_there_are_understood_and_bad_ones_refused():
    assert Toy.restored({"n": 2, "something else": 1}) == Toy(n=2)
    with pytest.raises(Refused, match="number of rows"):
        Toy.restored({"n": 77})
    assert Toy.recalled({"n": 77}).n == 77  # of a run of this app, which was checked then


def test_a_field_is_all_that_a_new_parameter_takes():
    @dataclass(frozen=True)
    class More(Toy):
        ORDER = ()
        colour: str = asked("red", Choice("Colour", options={"red": "red", "blue": "blue"}))

    assert More.names()[-1] == "colour" and More().parameters()["colour"] == "red"
    assert More.of_parameters(colour="blue").settings()["colour"] == "blue"
    with pytest.raises(Refused, match="The colour must be one of red, blue"):
        More.checked(colour="green")


def every_request() -> set[type[Request]]:
    """All requests of the program."""
    for module in pkgutil.iter_modules(runs.__path__):
        importlib.import_module(f"core.runs.{module.name}")
    found, todo = set(), [Request]
    while todo:
        todo += (fresh := set(todo.pop().__subclasses__()) - found)
        found |= fresh
    return {request for request in found if request.__module__.startswith("core.")}


RANGE = re.compile(r"(-?\d[\d.,]*)(?: \(.*\))?(?: up| down)? to (-?\d[\d.,]*)")
"""A range in words: "2 to 12", "100 to 1,000", "999 (pure noise) down to 0"."""


def test_every_field_of_a_number_tells_the_range_that_is_checked():
    told = {}
    for request in every_request():
        for name, kind in request.kinds().items():
            for part in [kind.part(p) for p in kind.parts] or [kind]:
                if isinstance(part, Whole | Real):
                    words = RANGE.search(part.info)
                    ends = sorted(float(end.strip(".,").replace(",", "")) for end in words.groups()) if words else []
                    told[request.__name__, name] = (ends, [part.low, part.high])
    assert len(told) > 90 and [key for key, (said, checked) in told.items() if said != checked] == []
