"""The finished example of Forward & denoise as a file: the pictures are lossy, the numbers are exact."""

import io
import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from core.runs.comparison import Comparison
from core.runs.denoise import LADDER, Beside, Denoising, Estimate
from tabs.ui.examples import as_file, tiles_in

COLUMNS = 9
QUALITY = 88
"""The quality of a JPEG with full colour resolution. In a WebP file, noise would lose half of its colours."""
SHAPE = 64, 64, 3


def to_bytes(this: Comparison) -> bytes:
    """A finished comparison, without the steps of the look inside and the pictures behind the chart."""
    shown = (*this.beside.quick, *this.iterated)
    pictures = [*this.beside.ladder, *(e.pixels for e in shown), *this.states]
    out = io.BytesIO()
    np.savez(
        out,
        settings=json.dumps(this.settings),
        numbers=json.dumps(
            {"quick": _told(this.beside.quick), "iterated": _told(this.iterated), "curve": _told(this.beside.curve)}
        ),
        end=json.dumps({"i": this.i, "took": this.took, "states": len(this.states)}),
        pictures=as_file(np.stack(pictures), COLUMNS, "JPEG", quality=QUALITY, subsampling=0),
    )
    return out.getvalue()


def from_bytes(data: bytes, run: str, planned: Callable[[Mapping], Denoising]) -> Comparison:
    """The comparison behind `to_bytes`, under that id."""
    with np.load(io.BytesIO(data)) as file:
        settings, numbers, end = (json.loads(str(file[name])) for name in ("settings", "numbers", "end"))
        tiles = iter(tiles_in(file["pictures"], SHAPE))
    ladder = np.stack([next(tiles) for _ in LADDER])
    quick, iterated = (
        _estimates(numbers[name], [next(tiles) for _ in numbers[name]]) for name in ("quick", "iterated")
    )
    curve = _estimates(numbers["curve"], [np.zeros(SHAPE, np.uint8)] * len(numbers["curve"]))
    states = tuple(next(tiles) for _ in range(end["states"]))
    beside = Beside(ladder, quick, curve)
    return Comparison(
        planned(settings),
        id=run,
        notes=(),
        took=end["took"],
        beside=beside,
        iterated=iterated,
        states=states,
        i=end["i"],
    )


def _told(estimates: Sequence[Estimate]) -> list[dict]:
    """Estimates without their pictures."""
    return [{name: value for name, value in vars(e).items() if name != "pixels"} for e in estimates]


def _estimates(told: Sequence[Mapping], pictures: Sequence[np.ndarray]) -> tuple[Estimate, ...]:
    """Estimates with these pictures."""
    return tuple(Estimate(**e, pixels=pixels) for e, pixels in zip(told, pictures, strict=True))
