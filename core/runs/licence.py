"""What DeepFloyd's licence asks of its pictures: its watermark, and no picture that its safety checker blocks."""

from collections.abc import Sequence

from core.models.deepfloyd import hub
from core.pictures.images import from_uint8
from core.runs.recording import Recording


def observe(recording: Recording, model: str, ours: Sequence[int] | None = None) -> tuple[str, ...]:
    """Check and mark a recording's last pictures, once; of a run that was stopped, the estimates it ended with.

    Nothing is recorded after that. A blocked picture is greyed out in every frame. Models that are not DeepFloyd's ask nothing.

    Args:
        model: the one that drew.
        ours: the pictures that it drew, by number, where others stand beside them; by default all.

    Returns:
        A sentence per blocked picture, also kept as the recording's `notes`.

    Raises:
        ModelError: the checker is not here.
    """
    with recording.lock:
        if recording.notes is None:
            checked = hub.is_deepfloyd(model) and recording.frames
            recording.notes = _observed(recording, _parts(model), ours) if checked else ()
        return recording.notes


def _parts(model: str) -> hub.Repository:
    """The stage I repository that holds checker and watermark: the model's own, or of stage II the largest here."""
    r = hub.REPOSITORIES[model]
    here = [hub.REPOSITORIES[name] for name in hub.FIRST if not hub.missing(hub.REPOSITORIES[name], hub.FINISH)]
    return r if r.stage == 1 or not here else here[-1]


def _observed(recording: Recording, r: hub.Repository, ours: Sequence[int] | None) -> tuple[str, ...]:
    from core.models.deepfloyd.safety import BLOCKED, finish

    last, notes = recording.frames[-1], []
    numbers = range(len(last.x_0)) if ours is None else ours
    finished = finish(from_uint8(last.x_0[list(numbers)], -1, 1), hub.snapshot(r.id))
    for k, picture in zip(numbers, finished.pictures, strict=True):
        if picture is None:
            recording.blank(k)
            notes.append(f"Picture {k + 1}: {BLOCKED}")
        else:
            last.x_0[k] = picture
            if recording.done:
                last.x_t[k] = picture
    return tuple(notes)
