"""Meet a model's licence for its pictures. DeepFloyd's requires a watermark and a safety checker."""

from collections.abc import Sequence

from core.models.registry import spec
from core.models.spec import named
from core.pictures.images import from_uint8
from core.runs.recording import Recording


def observe(recording: Recording, model: str, ours: Sequence[int] | None = None) -> tuple[str, ...]:
    """Check and mark a recording's last pictures once; of a stopped run, its last clean estimates.

    Nothing is recorded after that. A blocked picture becomes grey in every frame. Most models require nothing.

    Args:
        model: the model that drew them.
        ours: the indices of the pictures that the model drew; by default all.

    Returns:
        A sentence per blocked picture, also kept as the recording's `notes`.

    Raises:
        ModelError: the checker is not here.
    """
    with recording.lock:
        if recording.notes is None:
            checked = spec(model).withholds and recording.frames
            recording.notes = _observed(recording, model, ours) if checked else ()
        return recording.notes


def _observed(recording: Recording, model: str, ours: Sequence[int] | None) -> tuple[str, ...]:
    last, notes = recording.frames[-1], []
    numbers = range(len(last.x_0)) if ours is None else ours
    finished = named(spec(model).finish)(model, from_uint8(last.x_0[list(numbers)], -1, 1))
    for k, picture in zip(numbers, finished.pictures, strict=True):
        if picture is None:
            recording.blank(k)
            notes.append(f"Picture {k + 1}: {finished.sentence}")
        else:
            last.x_0[k] = picture
            if recording.done:
                last.x_t[k] = picture
    return tuple(notes)
