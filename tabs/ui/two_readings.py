"""Shared by the tabs of anagrams and hybrids: the chosen picture in all readings, its files, a run of it alone."""

from collections.abc import Callable, Iterator

import gradio as gr
import numpy as np

from core.pictures.figures import Words, gif
from core.runs.recording import Recording
from core.runs.two_readings import TwoReadings
from tabs.ui.failures import explained
from tabs.ui.files import download_row, one_saved, waiting
from tabs.ui.inside import numbered
from tabs.ui.job import Job, caption_of
from tabs.ui.layout import QUIET, Layout
from tabs.ui.presets import Preset, with_course
from tabs.ui.send import send_row
from tabs.ui.viewer import RUN_ONLY, RUNS, viewer

RUN_AGAIN = "() => [...document.querySelectorAll('.do-run')].find((b) => b.offsetParent)?.click()"
FRAME_SECONDS = 0.08


def presets(ours: dict, course: dict) -> dict[str, Preset]:
    """The presets of a tab by name. If a DeepFloyd is ready, the course's figures too, with its prompts, DDPM and
    number of steps. They begin at t = 957, as DeepFloyd's own spacing does, not at 990."""
    made = ({name: Preset(r, moves=True) for name, r in some.items()} for some in (ours, course))
    return with_course(*made, style="", n=1, sampler="ddpm", steps=34)


class TwoReadingsJob(Job):
    """The runs of a tab whose pictures have several readings."""

    def seen(self, plan: TwoReadings, pixels: np.ndarray, k: int) -> dict:
        """Picture k in its readings, (H, W, C) uint8, as the tab shows it."""
        raise NotImplementedError

    def chosen(self, recording: Recording, k: int) -> Iterator[tuple]:
        """The values for picture k: first its readings and the look inside, then the three files, which take longer."""
        plan, result = recording.plan, recording.result
        shown = self.seen(plan, result[k], k), self.look(recording, k)
        yield *shown, *waiting()
        if recording.notes is None:  # the run is not finished: the files come at its end
            return
        film, caption = plan.film(result[k]), caption_of(recording, k, plan.alone(k))
        loop = gif(film, FRAME_SECONDS * len(film), 0, words=Words(below=caption, size=11))
        yield *shown, *one_saved(recording, k, (f"{plan.FILM}.gif", loop), plan.sheets(result), caption)

    def keep(self, view: dict) -> Iterator[tuple]:
        """After a run or Stop: the viewer with all frames, and the values for the first picture."""
        recording = RUNS.get(view)
        value = self.value(recording)
        for part in self.chosen(recording, 0):
            yield value, 1, *part

    def look_at(self, view: dict, index: float) -> Iterator[tuple]:
        """The values for the picture with that number, counted from 1 row by row."""
        recording = RUNS.get(view)
        yield from self.chosen(recording, numbered(recording, index))

    def one(self, view: dict, index: float) -> tuple[int, int]:
        """(seed of the picture with that number, 1), which draw that picture alone."""
        recording = RUNS.get(view)
        return recording.plan.seeds[numbered(recording, index)], 1


class TwoReadingsLayout(Layout):
    """A tab of one `TwoReadingsJob`."""

    PRESET_WIDTH = 120

    def viewer(self) -> None:
        """The viewer, the number of the chosen picture, its files, and where it can be sent."""
        self.view = viewer(f"{self.job.tab}-view", self.job.example())
        with gr.Row(elem_classes="slim"):
            self.number()
            self.only = gr.Button("Keep only this one", size="sm", min_width=130)
            self.files = download_row()
        send_row(self.job.pick, [self.view, self.index], self.shared, self.job.tab)

    def readings(self, title: str, make: Callable[[], gr.HTML]) -> None:
        """The chosen picture in its readings, shown in the component from `make`."""
        with gr.Accordion(title, open=True):
            self.seen = make()

    @property
    def of_one(self) -> list[gr.components.Component]:
        return [self.seen, self.inner, *self.files]

    @property
    def kept(self) -> list[gr.components.Component]:
        return [self.view, self.index, *self.of_one]

    def wire(self, endpoint: str) -> None:
        """Connect everything; `endpoint` is the API's name of a run."""
        super().wire({next(iter(self.job.plans)): endpoint})
        alone = [self.form["seed"], self.form["n"]]
        job = self.only.click(explained(self.job.one), [self.view, self.index], alone, js=RUN_ONLY, **QUIET)
        job.success(None, None, None, js=RUN_AGAIN, api_visibility="private")
