"""Numbers and texts as they stand in captions and refusals."""

from collections.abc import Sequence


def counted(n: int | str, noun: str = "step") -> str:
    """A number and what it counts: "1 step", "20 steps", "2 – 100 steps"."""
    return f"{n} {noun}" if str(n) == "1" else f"{n} {noun}s"


def listed(counts: Sequence[int]) -> str:
    """The numbers as words: "1, 2 or 4"."""
    *most, last = map(str, counts)
    return f"{', '.join(most)} or {last}" if most else last


def ranged(values: Sequence[float]) -> str:
    """The number, if all are equal; else the first and the last: "2 – 100"."""
    ends = dict.fromkeys((values[0], values[-1]))
    return " – ".join(f"{v:.10g}" for v in ends)


def clipped(text: str, most: int = 40) -> str:
    """A prompt as a label."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
