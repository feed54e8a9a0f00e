"""All refusals: check values that a person or a program sent; an error is one sentence on what is wrong."""

import math
from collections.abc import Iterable, Sequence


class ModelError(RuntimeError):
    """One sentence that tells a person what is wrong with a model or device, and what to do."""


class Refused(ValueError):
    """One sentence that tells a person what is wrong with a value, and what is allowed."""


def number(value: object) -> float:
    """`value` as a float; NaN, which is in no range, if it is not a number."""
    try:
        return math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan


def whole(value: object, low: int, high: int, what: str) -> int:
    """`value` as a whole number in low .. high. Raises Refused with one sentence."""
    n = number(value)
    if not (low <= n <= high) or n != int(n):
        raise Refused(f"{what} must be a whole number from {low} to {high}.")
    return int(n)


def choice(value: object, allowed: Iterable[str], what: str) -> str:
    """`value` if it is one of `allowed`. Raises Refused with one sentence."""
    names = list(allowed)
    if not isinstance(value, str) or value not in names:
        raise Refused(f"{what} must be one of {', '.join(names)}.")
    return value


def real(value: object, low: float, high: float, what: str) -> float:
    """`value` as a finite number in low .. high. Raises Refused with one sentence."""
    n = number(value)
    if not low <= n <= high:
        raise Refused(f"{what} must be a number from {low:g} to {high:g}.")
    return n


def several(values: object, most: int, what: str) -> list:
    """A list or tuple of at most `most` things. Raises Refused."""
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise Refused(f"The {what} must be a list.")
    if len(values) > most:
        raise Refused(f"There can be at most {most} {what}, not {len(values)}.")
    return list(values)
