"""The anagrams' runs, and the chosen picture in motion between its views."""

import gradio as gr
import numpy as np

from core.runs.anagrams import AnagramRequest, Anagrams
from tabs.ui.two_readings import TwoReadingsJob
from tabs.ui.viewer import as_uri


class AnagramsJob(TwoReadingsJob):
    """Of which the panel of a third and a fourth reading opens where a request has them."""

    def seen(self, plan: Anagrams, pixels: np.ndarray, k: int) -> dict:
        """All views, and the motion from the first to each further one, for a viewer that plays to and fro."""
        still, moves = [as_uri(p) for p in plan.seen(pixels)], plan.turning(pixels)
        frames = []
        for j, moment in enumerate(zip(*moves, strict=True)):
            way = j / (len(moves[0]) - 1)
            label = {0: "as it is", 1: "in the other view"}.get(way, f"{100 * way:.0f} % of the way")
            frames.append({"images": still + [as_uri(p) for p in moment], "label": label})
        views = plan.request.seen_through[1:]
        return {
            "lanes": [*plan.lane_titles, *(f"in motion: {v.title.lower()}" for v in views)],
            "columns": max(3, len(still)),
            "grid": {"columns": 1, "count": 1},
            "frames": frames,
            "status": f"picture {k + 1} · seed {plan.seeds[k]}",
            "back": True,
        }

    def extra(self, request: AnagramRequest) -> list:
        """The panel of a third and a fourth reading."""
        return [gr.Accordion(open=len(request.prompts) > 2)]


JOB = AnagramsJob("anagrams", AnagramRequest, {"anagrams": lambda r: Anagrams(request=r)})
