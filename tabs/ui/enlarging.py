"""The panel that enlarges the chosen picture, in every tab that has one."""

import gradio as gr
import numpy as np

from core.pictures import images
from core.pictures.figures import Words, figure
from core.runs.enlarging import MOST_NOISE, USUAL_NOISE, larger
from tabs.ui.controls import NETWORK, Shared, after
from tabs.ui.failures import explained
from tabs.ui.files import download_row, offered
from tabs.ui.inputs import Slider
from tabs.ui.inside import numbered
from tabs.ui.job import Job
from tabs.ui.stale import hold
from tabs.ui.viewer import RUN_ONLY, RUNS, viewer

BIGGER = (
    "Pocket's own upsampler takes its 64 pixels to 256, on the CPU too: made for drawings, it keeps photos soft. Where DeepFloyd "
    "IF's stage II is ready, that does it instead, and Stable Diffusion's x4 upscaler, its stage III, goes on to 1024."
)

NOISE = (
    "0 to 0.5: 0 believes every pixel, fringes and all; more noise leaves more to the upsampler. DeepFloyd has its own."
)


class Enlarging:
    """The chosen picture four times larger, live, by pocket's upsampler or by stage II, and on to 1024 pixels by stage III.

    Args:
        job: the tab's job.
        how: an addition to the panel's title, such as "in all its views"; stage III is left out then.
    """

    def __init__(self, job: Job, how: str = ""):
        self.job = job
        with gr.Accordion(f"Enlarge the chosen picture to 256 pixels {how}".strip(), open=False):
            gr.HTML(f'<div class="caption">{BIGGER}</div>')
            self.noise = Slider(
                0, MOST_NOISE, value=USUAL_NOISE, step=0.01, label="Noise on the small picture", info=NOISE
            )
            self.button = gr.Button("Enlarge it", size="sm")
            self.view = viewer(f"{job.tab}-big")
            (self.file,) = download_row(["PNG, enlarged"])
            self.still = gr.Button("And on to 1024 pixels with stage III", size="sm", visible=not how)

    def wire(self, stop: gr.Button, view: gr.HTML, index: gr.Number, shared: Shared) -> None:
        """Connect the buttons to the run in `view` and the picture number in `index`."""
        outputs = [self.view, self.file]
        for button, handler, inputs in (
            (self.button, self.enlarge, [view, index, self.noise]),
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
    def enlarge(self, view: dict, index: float, noise: float | None = None, device: str = "auto"):
        """Enlarge the chosen picture four times, with its own prompt and seed; or say what that needs."""
        plan = RUNS.get(view).plan
        k, pixels = numbered(RUNS.get(view), index, plan.count), np.asarray(self.job.pick(view, index).convert("RGB"))
        yield from self.job.stream(larger(plan, k, pixels, noise=noise), device)

    @explained
    def enlarge_again(self, view: dict, device: str = "auto"):
        """Enlarge the already enlarged picture again."""
        recording = RUNS.get(view)
        yield from self.job.stream(larger(recording.plan, 0, recording.result[0]), device)

    @explained
    def keep(self, view: dict) -> tuple[dict, gr.DownloadButton]:
        """After enlarging or Stop: the viewer with every frame, and the PNG of the picture so far, in all its views."""
        recording = RUNS.get(view)
        value = Job.value(self.job, recording)  # a tab's own words are about its rows
        views = [lane[0] for lane in recording.plan.lanes(recording.frames[-1])]
        picture = figure(images.grid(np.stack(views), len(views)), Words(below=value["caption"]))
        (file,) = offered((f"{recording.plan.name}.png", images.png(picture, recording.settings)))
        return value, file
