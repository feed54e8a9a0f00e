"""The finished examples that the tabs show before anything is run: made by our own models, kept in tabs/assets/examples.

NAME.json is what a viewer shows. NAME.npz is the recording behind it, so that a click, a look inside and a send find a run.
"""

import functools
import io
import json
from collections.abc import Sequence

import numpy as np
from PIL import Image

from core import images
from core.recording import Frame, Recording
from tabs._look import ASSETS

FOLDER = ASSETS / "examples"
PREFIX = "example-"
FRAMES = 6
QUALITY = 75


def example(name: str) -> dict:
    """What a viewer shows before anything is run; empty where there is no example."""
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def recorded(run: object) -> tuple[Recording, ...] | None:
    """The recordings of an example by its run's id; None if there is none."""
    name = run.removeprefix(PREFIX) if isinstance(run, str) and run.startswith(PREFIX) else None
    return (_recording(name),) if name in _names() else None


@functools.cache
def _names() -> frozenset[str]:
    return frozenset(path.stem for path in FOLDER.glob("*.npz"))


@functools.cache
def _recording(name: str) -> Recording:
    return unpacked((FOLDER / f"{name}.npz").read_bytes(), PREFIX + name)


def thinned(frames: Sequence) -> list:
    """FRAMES of them, evenly spread, the first and the last among them."""
    return [frames[k] for k in sorted({round(k) for k in np.linspace(0, len(frames) - 1, FRAMES)})]


def packed(recording: Recording) -> bytes:
    """A recording as a small file: the steps as lossy pictures, the result bit for bit."""
    *steps, last = thinned(recording.frames)
    names = list(next((f.parts for f in steps if f.parts), {}))
    out = io.BytesIO()
    np.savez(
        out,
        settings=json.dumps(recording.settings),
        names=json.dumps(names),
        marks=[(f.i, f.n, f.t, bool(f.parts)) for f in (*steps, last)],
        shape=(*last.x_0.shape, len(steps)),
        steps=_bytes(np.concatenate([_tiles(f, names) for f in steps]), len(last.x_0), quality=QUALITY),
        result=_bytes(np.concatenate([last.x_t, last.x_0]), len(last.x_0), lossless=True),
    )
    return out.getvalue()


def unpacked(data: bytes, run: str) -> Recording:
    """The recording behind `packed`, under that id."""
    with np.load(io.BytesIO(data)) as file:
        settings, names = json.loads(str(file["settings"])), json.loads(str(file["names"]))
        count, *shape, steps = file["shape"].tolist()
        tiles = _split(file["steps"], shape).reshape(steps, 2 + len(names), count, *shape)
        result = _split(file["result"], shape).reshape(2, count, *shape)
        marks = file["marks"].tolist()
    frames = []
    for (i, n, t, has_parts), (x_t, x_0, *parts) in zip(marks, [*tiles, result], strict=True):
        whole = parts[:1] + [_sum(parts[0], rest) for rest in parts[1:]]
        frames.append(Frame(i, n, t, x_t, x_0, dict(zip(names, whole, strict=True)) if has_parts else {}))
    return Recording(settings, id=run, frames=frames, notes=())


def _tiles(frame: Frame, names: Sequence[str]) -> np.ndarray:
    """A frame's pictures, x_t, x_0, the first part and what the others differ from it: that stays exact when it is small."""
    parts = [frame.parts.get(name, np.zeros_like(frame.x_0)) for name in names]
    rest = [(128 + (p.astype(np.int16) - parts[0]) / 2).round().clip(0, 255).astype(np.uint8) for p in parts[1:]]
    return np.concatenate([frame.x_t, frame.x_0, *parts[:1], *rest])


def _sum(first: np.ndarray, rest: np.ndarray) -> np.ndarray:
    return (first + 2 * (rest.astype(np.int16) - 128)).clip(0, 255).astype(np.uint8)


def _bytes(tiles: np.ndarray, columns: int, **how) -> np.ndarray:
    """(N, H, W, C) as one WebP file."""
    out = io.BytesIO()
    images.to_pil(images.grid(tiles, columns, gap=0)).convert("RGB").save(out, "WEBP", method=6, **how)
    return np.frombuffer(out.getvalue(), np.uint8)


def _split(data: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """The tiles of `_bytes`, each of that shape (H, W, C)."""
    h, w, c = shape
    with Image.open(io.BytesIO(data.tobytes())) as picture:
        sheet = np.asarray(picture)[..., :c]
    rows, columns = sheet.shape[0] // h, sheet.shape[1] // w
    return sheet.reshape(rows, h, columns, w, c).swapaxes(1, 2).reshape(-1, h, w, c)
