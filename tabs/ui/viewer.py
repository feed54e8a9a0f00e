"""The live viewer shows a run, scrubs it afterwards, and keeps it for saving and sending."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

import gradio as gr
import numpy as np

from core.checks import Refused
from core.diffusion.samplers import Step
from core.pictures.images import data_uri, grid, png, webp
from core.runs.frame import Frame
from core.runs.plan import Plan
from core.runs.recording import Recording
from core.wording import counted
from tabs.ui.examples import fetched, recorded
from tabs.ui.theme import asset, script

PREVIEW_SECONDS = 0.12  # at most about 8 previews a second, so that they never slow a run
RUN_ONLY = "(v, ...rest) => [{run: v?.run}, ...rest]"
"""Sends back only the id of the run."""


REST = 100_000
"""Bytes counted for a run without its pictures, mainly its settings, so that the number of small runs is bounded."""


class Runs:
    """The latest recordings. Scrubbing, saving and sending then need no network call. The oldest are dropped.

    The recordings of the examples are always there. The newest is never dropped, so a running one is not either: only
    one run uses the network at a time.

    Args:
        most: the bytes of all recordings before the newest. One with a tab's first settings has 1 to 10 MB, so there
            is room for one per person in a class; the largest have 60 MB.
    """

    def __init__(self, most: int = 300_000_000):
        self.most, self._lock = most, threading.Lock()
        self._runs: OrderedDict[str, Recording] = OrderedDict()
        self._unclaimed: set[str] = set()

    def add(self, recording: Recording) -> None:
        """Remember a recording under its id."""
        with self._lock:
            self._drop()
            self._runs[recording.id] = recording
            self._unclaimed.add(recording.id)

    def _drop(self) -> None:
        """Drop the oldest until the rest fit the bound; they have grown since they were added."""
        sizes = {key: REST + recording.nbytes for key, recording in self._runs.items()}
        total = sum(sizes.values())
        for key, size in sizes.items():
            if total <= self.most:
                return
            total -= size
            del self._runs[key]
            self._unclaimed.discard(key)

    def claim(self, value: object) -> bool:
        """Claim the run of a viewer's value; False if it is not here or was claimed before."""
        key = value.get("run") if isinstance(value, dict) else None
        with self._lock:
            new = isinstance(key, str) and key in self._unclaimed
            self._unclaimed -= {key} if new else set()
        return new

    def get(self, value: object) -> Recording:
        """The recording of a viewer's value. Raises Refused if it was dropped or never existed."""
        key = value.get("run") if isinstance(value, dict) else None
        with self._lock:
            found = self._runs.get(key) if isinstance(key, str) else None
        found = found or recorded(key)
        if not found or not found.begun:
            raise Refused("There is no finished picture yet, or it is no longer kept; please run again.")
        return found


RUNS = Runs()


def viewer(elem_id: str, value: dict | None = None, **how) -> gr.HTML:
    """Live preview and scrubber: shows the newest frame during a run, scrubs and plays all frames after it.

    Args:
        value: what it shows before the first run.
        how: further keywords of gr.HTML.
    """
    return gr.HTML(
        value=value or {},
        html_template=asset("viewer.html"),
        js_on_load=script("viewer"),
        server_functions=[fetched],
        elem_id=elem_id,
        apply_default_css=False,
        min_height=260,
        **how,
    )


def made_when_seen(make: Callable[[], str], figure: str = "", **how) -> gr.HTML:
    """HTML that the server makes when the page first shows it, so that the page itself stays small.

    Args:
        figure: the id of a figure whose example this is; it triggers `download`, unless there was a run before a reload.
        how: keywords of gr.HTML.
    """

    def first(_: object = None) -> str:  # Gradio always sends an argument
        return make()

    return gr.HTML("", js_on_load=f"showFirst(props, server, trigger, '{figure}');", server_functions=[first], **how)


def status_line(value: str, figure: str) -> gr.HTML:
    """A line with a run's progress, for a tab without a viewer; it also says that the run is queued.

    It triggers `submit` once, if the figure with that id had a run before a reload.
    """
    return gr.HTML(
        value,
        html_template='<span>${value}</span><span class="waits"></span>',
        js_on_load="whileWaiting(element, (words) => { element.querySelector('.waits').textContent = words; });"
        f"comeBack('{figure}', trigger);",
        elem_classes=["cost", "status"],
    )


def timestep(plan: Plan, frame: Frame) -> str:
    """The scrubber's label of a plan's frame; if its pictures have different timesteps, the smallest and the largest."""
    if frame.t < 0:
        return f"result · {'up to ' * bool(frame.each)}{counted(frame.n)}"
    under_way = [t for t in frame.each if t >= 0] or [frame.t]
    ends = dict.fromkeys((min(under_way), max(under_way)))
    clock = plan.clock(*ends) if len(ends) == 1 else ""
    done = f"{frame.each.count(-1)} of {len(frame.each)} done" * (-1 in frame.each)
    words = f"step {frame.i + 1} / {frame.n}", f"t = {' – '.join(map(str, ends))}", clock, done
    return " · ".join(filter(None, words))


def time_left(seconds: float, done: int, n: int) -> str:
    """The end of a status: the time left after so many of n steps, which took these seconds; "" before the first."""
    return f" · {seconds / done * (n - done):.0f} s left" if done else ""


def as_uri(pixels: np.ndarray) -> str:
    """A picture as a data URI: lossless for grey digits, WebP for colour, as noise makes large PNG files."""
    return data_uri(png(pixels)) if pixels.shape[-1] == 1 else data_uri(webp(pixels), "webp")


def face(plan: Plan, pick: str = "") -> dict:
    """The labels around a plan's pictures in the viewer: the titles of the lanes and the labels of their grids.

    Args:
        pick: CSS selector of the number field that a click on a picture fills.
    """
    grid = {"columns": plan.columns, "count": plan.count, "across": [*plan.across], "down": [*plan.down], "pick": pick}
    grid |= {"tall": plan.TALL} if plan.TALL != 1 else {}
    grid |= {"foot": plan.FOOT} if plan.FOOT else {}
    return {"lanes": [*plan.lane_titles], "origins": [*plan.origins], "columns": plan.beside, "grid": grid}


def entry(plan: Plan, frame: Frame) -> dict:
    """A frame as an entry of the viewer: a grid per lane, a label, and whether it is the result."""
    grids = [grid(lane, plan.columns, gap=plan.GAP) for lane in plan.lanes(frame)]
    return {"images": [as_uri(p) for p in grids], "label": timestep(plan, frame), "end": frame.t < 0}


def live(recording: Recording, steps: Iterable[Step], around: dict) -> Iterator[dict]:
    """Run the Steps of a recording, yielding viewer values at most every PREVIEW_SECONDS.

    Args:
        around: from `face`.
    """
    RUNS.add(recording)
    started, last = time.monotonic(), 0.0
    for step in steps:
        now = time.monotonic()
        if step.i == step.n or now - last < PREVIEW_SECONDS:
            continue
        last = now
        frame = entry(recording.plan, recording.frame(step))
        yield around | {
            "run": recording.id,
            "running": True,
            "status": frame["label"] + time_left(now - started, step.i, step.n),
            "fraction": step.i / step.n,
            "frames": [frame],
        }
    recording.took = time.monotonic() - started
    yield finished(recording, around)


def finished(recording: Recording, around: dict) -> dict:
    """The viewer's value after a run or Stop, with every kept frame."""
    last, took = recording.frames[-1], recording.took
    status = (
        f"done in {took:.1f} s" if took else "done" if last.i == last.n else f"stopped at step {last.i + 1} / {last.n}"
    )
    frames = [entry(recording.plan, frame) for frame in recording.frames]
    under = {"under": list(recording.under)} if recording.under else {}
    return around | under | {"run": recording.id, "running": False, "status": status, "frames": frames}
