"""The hybrids' runs, and the chosen picture near and far."""

import gradio as gr
import numpy as np

from core.pictures import images
from core.runs.hybrids import FARTHEST, READINGS, HybridRequest, Hybrids
from core.runs.recording import Recording
from tabs.ui.examples import fetched, pointer
from tabs.ui.inside import inside
from tabs.ui.theme import asset, script
from tabs.ui.two_readings import TwoReadingsJob


class HybridsJob(TwoReadingsJob):
    """The tab's runs. The look inside shows no difference, as the two noises are parts of one estimate."""

    def seen(self, plan: Hybrids, pixels: np.ndarray, k: int) -> dict:
        """The picture, and its view from afar, for `distance`."""
        r, (first, *_, last) = plan.request, plan.request.parts
        return {
            "image": images.data_uri(images.png(pixels)),
            "mode": r.split if r.split in ("colour", "motion") else "distance",
            "near": f"{READINGS[last]}: {plan.source(last)}",
            "far": plan.source(first),
            "length": r.length,
            "angle": r.angle,
            "farthest": FARTHEST,
        }

    def look(self, recording: Recording, k: int) -> dict:
        return inside(recording, k, gap=False)


def distance() -> gr.HTML:
    """The picture large and small, a slider that steps back, and an animation; all run in the page."""
    return gr.HTML(
        value=pointer("hybrids-distance"),
        html_template=asset("distance.html"),
        js_on_load=script("distance"),
        server_functions=[fetched],
        elem_id="hybrids-distance",
        apply_default_css=False,
    )


JOB = HybridsJob("hybrids", HybridRequest, {"hybrids": lambda r: Hybrids(request=r)})
