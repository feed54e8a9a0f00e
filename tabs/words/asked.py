"""Answer what a view asks the server after a run. A failed answer is a sentence."""

from collections.abc import Callable, Mapping, Sequence

from core.checks import Refused
from core.runs.frame import Frame
from core.runs.recording import Recording


def answered(answer: Callable[[Mapping], dict], question: object) -> dict:
    """The answer, or {"words": why} if there is none."""
    try:
        return answer(question if isinstance(question, dict) else {})
    except (Refused, ValueError) as e:
        return {"words": str(e)}


def frames_seen(recording: Recording) -> Sequence[Frame]:
    """The frames that the page has: all, or of a run under way the newest."""
    ended = recording.done or recording.notes is not None
    return recording.frames if ended else [recording.latest or recording.frames[-1]]
