"""The runs of the tab, with the maps of their words."""

from collections.abc import Iterator

from core.runs.plan import Plan
from core.runs.recording import Recording
from core.runs.words import PLANS, WordsRequest
from tabs.ui.job import Job
from tabs.ui.viewer import RUNS
from tabs.words.view import around, frame_value

WEIGHTS = "words-weights"
"""The id of the field with the factors on words."""


class WordsJob(Job):
    """Its viewer's value has the maps of every frame too."""

    def face(self, plan: Plan) -> dict:
        return super().face(plan) | around(plan) | {"pick": f"#{self.pick_id}", "weights": f"#{WEIGHTS}"}

    def stream(self, plan: Plan, device: str) -> Iterator[dict]:
        """The viewer's values as in every tab. During a run, the newest frame has the mean of its maps."""
        for value in super().stream(plan, device):
            yield mapped(value, RUNS.get(value))

    def value(self, recording: Recording) -> dict:
        """The viewer's value as in every tab, with all maps."""
        return mapped(super().value(recording), recording)


def mapped(value: dict, recording: Recording) -> dict:
    """A viewer's value with the maps of its frames."""
    live = value["running"]
    kept = [recording.latest] if live else recording.frames
    frames = [
        entry | {"maps": frame_value(recording.plan, frame, live)}
        for entry, frame in zip(value["frames"], kept, strict=True)
    ]
    return value | {"frames": frames}


JOB = WordsJob("words", WordsRequest, PLANS, {"weigh": "Weigh", "ladder": "From -2 to 3", "swap": "Swap"})
