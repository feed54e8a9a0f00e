"""Finished examples that the tabs show before the first run, made by our own models; they are in tabs/ui/assets/examples.

NAME.json is the viewer's value. NAME.npz is its recording, which a click, a look inside and a send need; a tab with figures
of its own makes them from it. The page carries neither: a view asks for its example when its tab is first opened.
"""

import functools
import io
import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL import Image

from core.pictures import images
from core.runs.frame import Frame
from core.runs.plan import Plan
from core.runs.recording import Recording
from tabs.ui.theme import ASSETS

FOLDER = ASSETS / "examples"
PREFIX = "example-"
PLANNERS: dict[str, Callable[[Mapping], Plan]] = {}
"""Example name -> function from the recording's settings to its plan; every `Job` registers its own."""
READERS: dict[str, Callable[[bytes, str, Callable], Recording]] = {}
"""Example name -> function that reads a recording of more than frames; it is called as `from_bytes` is."""
FRAMES = 6
QUALITY = 75
MAPS_QUALITY = 60
FEW = 4096
"""Bytes of maps that are kept as they are."""
STATUS = "an example; press the button to make your own"


def example(name: str) -> dict:
    """The viewer's value before the first run; empty if there is no example."""
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def fetched(name: str) -> dict:
    """The example of that name, for a page that asks for it; empty if there is none."""
    return example(name) if isinstance(name, str) and name in _values() else {}


def pointer(name: str) -> dict:
    """A view's value until it has asked for its example; empty if there is none. The view needs `fetched` as a server
    function, and `fetchExample` in its script."""
    return {"run": PREFIX + name, "example": name} if name in _values() else {}


def recorded(run: object) -> Recording | None:
    """The recording of an example by its run's id; None if there is none."""
    name = run.removeprefix(PREFIX) if isinstance(run, str) and run.startswith(PREFIX) else None
    return _recording(name) if name in _names() and name in PLANNERS else None


@functools.cache
def _values() -> frozenset[str]:
    return frozenset(path.stem for path in FOLDER.glob("*.json"))


@functools.cache
def _names() -> frozenset[str]:
    return frozenset(path.stem for path in FOLDER.glob("*.npz"))


@functools.cache
def _recording(name: str) -> Recording:
    return READERS.get(name, from_bytes)((FOLDER / f"{name}.npz").read_bytes(), PREFIX + name, PLANNERS[name])


def thinned(frames: Sequence) -> list:
    """FRAMES of the frames, evenly spaced, with the first and the last."""
    return [frames[k] for k in sorted({round(k) for k in np.linspace(0, len(frames) - 1, FRAMES)})]


def to_bytes(recording: Recording, maps: bool = False) -> bytes:
    """A recording as a small file: the steps are lossy, the result is exact.

    Args:
        maps: whether its maps are kept; they are lossy where a map has more than one place.
    """
    *steps, last = every = thinned(recording.frames)
    names = list(next((f.parts for f in steps if f.parts), {}))
    lossy = every if last.parts else steps  # most results have no parts
    out = io.BytesIO()
    np.savez(
        out,
        settings=json.dumps(recording.settings),
        names=json.dumps(names),
        marks=[(f.i, f.n, f.t, bool(f.parts)) for f in every],
        shape=(*last.x_0.shape, len(lossy)),
        steps=as_file(np.concatenate([_tiles(f, names[:1]) for f in lossy]), len(last.x_0), quality=QUALITY),
        rest=as_file(np.concatenate([_rest(f, names) for f in lossy]), len(last.x_0), quality=90),
        result=as_file(np.concatenate(_result(last)), len(last.x_0), lossless=True),
        **(_maps(every) if maps else {}),
    )
    return out.getvalue()


def from_bytes(data: bytes, run: str, planned: Callable[[Mapping], Plan]) -> Recording:
    """The recording behind `to_bytes`, under that id."""
    with np.load(io.BytesIO(data)) as file:
        settings, names = json.loads(str(file["settings"])), json.loads(str(file["names"]))
        count, *shape, steps = file["shape"].tolist()
        tiles = tiles_in(file["steps"], shape).reshape(steps, 2 + bool(names), count, *shape)
        rest = tiles_in(file["rest"], shape).reshape(steps, -1, count, *shape)
        result = tiles_in(file["result"], shape).reshape(-1, count, *shape)[[0, -1]]
        marks = file["marks"].tolist()
        ends = [[*result, *tiles[-1][2:]]] if steps == len(marks) else [result]
        tiles, rest = [*tiles[: len(marks) - 1], *ends], [*rest, ()][: len(marks)]
        maps = _maps_in(file, len(marks))
    frames = []
    for k, ((i, n, t, has_parts), (x_t, x_0, *first), others) in enumerate(zip(marks, tiles, rest, strict=True)):
        parts = first + [_sum(first[0], other) for other in others[: len(names[1:])]]
        frames.append(Frame(i, n, t, x_t, x_0, dict(zip(names, parts, strict=True)) if has_parts else {}, maps=maps[k]))
    return Recording(planned(settings), id=run, frames=frames, notes=())


def _maps(frames: Sequence[Frame]) -> dict[str, np.ndarray]:
    """The maps of frames by name: their shape, and a WebP file with a row of tiles per frame; the bytes themselves if few."""
    out = {}
    for name in frames[0].maps:
        every = np.stack([f.maps[name] for f in frames]).transpose(0, 1, 4, 2, 3)  # (F, B, any, h, w)
        shape = every.shape
        out[f"shape:{name}"] = np.array(shape)
        tiles = every.reshape(-1, *shape[3:], 1)
        small = every.nbytes < FEW
        out[f"maps:{name}"] = every.ravel() if small else as_file(tiles, shape[1] * shape[2], quality=MAPS_QUALITY)
    return out


def _maps_in(file: Mapping[str, np.ndarray], frames: int) -> list[dict[str, np.ndarray]]:
    """The maps of each frame behind `_maps`; empty if none were kept."""
    found: list[dict[str, np.ndarray]] = [{} for _ in range(frames)]
    for name in (key.removeprefix("maps:") for key in file if key.startswith("maps:")):
        shape, data = file[f"shape:{name}"].tolist(), file[f"maps:{name}"]
        every = data if data.size == np.prod(shape) else tiles_in(data, (*shape[3:], 1))
        for k, maps in enumerate(every.reshape(shape).transpose(0, 1, 3, 4, 2)):
            found[k][name] = maps
    return found


def _result(last: Frame) -> list[np.ndarray]:
    """The state and the clean estimate of a result; once, if they are the same."""
    return [last.x_0] if np.array_equal(last.x_t, last.x_0) else [last.x_t, last.x_0]


def _tiles(frame: Frame, first: Sequence[str]) -> np.ndarray:
    """A frame's pictures: x_t, x_0 and the first part, if there are any."""
    return np.concatenate([frame.x_t, frame.x_0, *(frame.parts.get(name, np.zeros_like(frame.x_0)) for name in first)])


def _rest(frame: Frame, names: Sequence[str]) -> np.ndarray:
    """The differences of the other parts from the first, at half scale; grey if there are none."""
    grey = np.full_like(frame.x_0, 128)
    if not frame.parts or len(names) < 2:
        return np.concatenate([grey] * max(1, len(names) - 1))
    first, *others = (frame.parts[name] for name in names)
    return np.concatenate(
        [(128 + (p.astype(np.int16) - first) / 2).round().clip(0, 255).astype(np.uint8) for p in others]
    )


def _sum(first: np.ndarray, rest: np.ndarray) -> np.ndarray:
    return (first + 2 * (rest.astype(np.int16) - 128)).clip(0, 255).astype(np.uint8)


def as_file(tiles: np.ndarray, columns: int, kind: str = "WEBP", **how) -> np.ndarray:
    """(N, H, W, C) as one picture file of that kind."""
    out = io.BytesIO()
    images.to_pil(images.grid(tiles, columns, gap=0)).convert("RGB").save(out, kind, method=6, **how)
    return np.frombuffer(out.getvalue(), np.uint8)


def tiles_in(data: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """The tiles of `as_file`, each of that shape (H, W, C)."""
    h, w, c = shape
    with Image.open(io.BytesIO(data.tobytes())) as picture:
        sheet = np.asarray(picture)[..., :c]
    rows, columns = sheet.shape[0] // h, sheet.shape[1] // w
    return sheet.reshape(rows, h, columns, w, c).swapaxes(1, 2).reshape(-1, h, w, c)
