"""The runs of the inpainting tab: a row of pictures for every filling; the first three of a row are given."""

from PIL import Image

from core.checks import Refused
from core.pictures import images
from core.runs.inpainting import ACROSS, FILLINGS, InpaintRequest
from core.runs.recording import Recording
from tabs.ui.inside import numbered
from tabs.ui.job import Job
from tabs.ui.viewer import RUNS

EXPERIMENTS = {"once-and-often": "n = 1 against n = 5", "two-pastes": "RePaint / clean paste"}


class Fillings(Job):
    """A job in which a picture's number counts all places of its rows, and some rows begin late."""

    def restore(self, file: str) -> list:
        """See the base class. The API calls its parameter `file`."""
        return super().restore(file)

    def value(self, recording: Recording) -> dict:
        value, plan = super().value(recording), recording.plan
        if plan.begun(recording.frames[-1].i) < len(plan.rows):
            value["caption"] += " Grey: not begun yet."
        return value

    def look(self, recording: Recording, k: int) -> dict:
        """The filling in the row of picture k through all kept steps, with the number of its result."""
        plan, row = recording.plan, k // len(ACROSS)
        value = super().look(recording, row)
        for frame, entry in zip(recording.frames, value["frames"], strict=True):
            if row >= plan.begun(frame.i):
                entry["label"] += " · not begun"
        return value | {"status": f"picture {(row + 1) * len(ACROSS)}"}

    def pick(self, view: dict, index: float) -> Image.Image:
        """One picture for another tab. Raises Refused if its filling has not begun."""
        recording = RUNS.get(view)
        plan, last = recording.plan, recording.frames[-1]
        k = numbered(recording, index, plan.count)
        row, column = divmod(k, len(ACROSS))
        if row >= plan.begun(last.i) and column >= len(plan.given):
            raise Refused("This picture is grey because its filling has not begun: choose another one.")
        return images.to_pil(plan.lanes(last)[0][k])


JOB = Fillings("inpainting", InpaintRequest, FILLINGS, EXPERIMENTS, carries=("original", "mask"), first=len(ACROSS) - 1)
