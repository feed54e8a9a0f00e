"""The panel that enlarges the chosen picture, in every tab that has one."""

import gradio as gr
import numpy as np

from core.pictures import images
from core.pictures.figures import Words, figure
from core.runs.enlarging import larger
from tabs.ui.controls import NETWORK, Shared, after
from tabs.ui.failures import explained
from tabs.ui.files import download_row, offered
from tabs.ui.inside import numbered
from tabs.ui.job import Job
from tabs.ui.stale import hold
from tabs.ui.viewer import RUN_ONLY, RUNS, viewer

BIGGER = (
    "Pocket draws 64 pixels and has no second stage; DeepFloyd IF's stage II takes any picture of 64 pixels to 256, and "
    "Stable Diffusion's x4 upscaler, its stage III, from there to 1024. The header says what they need."
)


class Enlarging:
    """The chosen picture four times larger, live, by stage II, and on to 1024 pixels by stage III.

    Args:
        job: of the tab.
        how: what the panel's title adds: "in all its views", where stage III has no place.
    """

    def __init__(self, job: Job, how: str = ""):
        self.job = job
        with gr.Accordion(f"Enlarge the chosen picture to 256 pixels {how}".strip(), open=False):
            gr.HTML(f'<div class="caption">{BIGGER}</div>')
            self.button = gr.Button("Enlarge with DeepFloyd's stage II", size="sm")
            self.view = viewer(f"{job.tab}-big")
            (self.file,) = download_row(["PNG, enlarged"])
            self.still = gr.Button("And on to 1024 pixels with stage III", size="sm", visible=not how)

    def wire(self, stop: gr.Button, view: gr.HTML, index: gr.Number, shared: Shared) -> None:
        """Connect the buttons, on the run in `view` and the picture number in `index`."""
        outputs = [self.view, self.file]
        for button, handler, inputs in (
            (self.button, self.enlarge, [view, index]),
            (self.still, self.enlarge_again, [self.view]),
        ):
            asked = hold(button, stop, outputs, self.view.elem_id)
            values = [*inputs, shared.device]
            run = button.click(
                handler, values, self.view, js=RUN_ONLY, api_visibility="private", show_progress="hidden", **NETWORK
            )
            after(run, self.keep, self.view, outputs, shared, asked)
            stop.click(None, None, None, cancels=[run], api_visibility="private")

    @explained
    def enlarge(self, view: dict, index: float, device: str = "auto"):
        """The chosen picture four times larger, from its own prompt and seed; or what that would need."""
        recording = RUNS.get(view)
        k = numbered(recording, index)
        yield from self.job.stream(larger(recording.plan, k, recording.result[k]), device)

    def enlarge_again(self, view: dict, device: str = "auto"):
        """As `enlarge`, for the one picture that was enlarged already."""
        yield from self.enlarge(view, 1, device)

    @explained
    def keep(self, view: dict) -> tuple[dict, gr.DownloadButton]:
        """After enlarging or Stop: the viewer with every frame, and the PNG of what exists, in all its views."""
        recording = RUNS.get(view)
        value = self.job.value(recording)
        views = [lane[0] for lane in recording.plan.lanes(recording.frames[-1])]
        picture = figure(images.grid(np.stack(views), len(views)), Words(below=value["caption"]))
        (file,) = offered((f"{recording.plan.name}.png", images.png(picture, recording.settings)))
        return value, file
