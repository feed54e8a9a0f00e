"""Runs of Forward & denoise on a scene, and what there is to count in its figures."""

from core.pictures.scenes import mountains
from core.runs.denoise import DenoiseRequest
from tabs.denoise.job import JOB
from tabs.ui.picture import original


def start(levels="250, 500", stride=30, filtered="scaled", guidance=1):
    """A run on the mountains."""
    request = DenoiseRequest.checked(
        levels=levels, prompt="a “rose” <b>", guidance=guidance, stride=stride, seed=7, filtered=filtered
    )
    return JOB.stream(JOB.planned("compare", request, original(mountains())), "cpu")


def places(figure: str) -> int:
    """Pictures and empty places in a figure."""
    return figure.count("<img") + figure.count('class="place"')


def finished(**settings) -> dict:
    """The view of a finished run."""
    *_, (*_, view, _) = start(**settings)
    return view
