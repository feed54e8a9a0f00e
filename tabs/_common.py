"""What every tab shares: the live viewer, run and stop, the seed row, the cost line, the formula panel, send-to."""

import functools
import html
import inspect
import logging
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import numpy as np

from core.images import data_uri, png
from core.recording import Frame, Recording
from core.registry import ModelError
from core.rng import MAX_SEED

ASSETS = Path(__file__).parent / "assets"
PREVIEW_SECONDS = 0.12  # at most about 8 previews a second, so that they never slow a run
NETWORK = {"concurrency_id": "network", "concurrency_limit": 1}
DICE = f"() => Math.floor(Math.random() * {MAX_SEED + 1})"
SLIM = "(v, ...rest) => [{run: v?.run, status: v?.status, caption: v?.caption}, ...rest]"
"""Sends a viewer's value back to the server without its pictures."""
LATEX = [{"left": "$$", "right": "$$", "display": True}, {"left": "$", "right": "$", "display": False}]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shared:
    """What the page hands to every tab: the device picker, the tabs for send-to, and the model asked for, if any."""

    device: gr.Dropdown
    tabs: gr.Tabs | None = None
    model: str | None = None


def asset(name: str) -> str:
    """The text of a file in tabs/assets."""
    return (ASSETS / name).read_text()


# ---- failures in plain words ---------------------------------------------------------------------------------------


def told(handler: Callable) -> Callable:
    """A handler whose failures reach the person as one sentence; anything unforeseen is logged in full."""

    def translate(e: Exception) -> gr.Error:
        if isinstance(e, gr.Error):
            return e
        if isinstance(e, (ValueError, ModelError)):
            return gr.Error(str(e), title="Please check", print_exception=False)
        if "out of memory" in str(e).lower():
            sentence = "The device ran out of memory; ask for fewer pictures, or choose the CPU."
            return gr.Error(sentence, title="Out of memory", print_exception=False)
        log.exception("A handler failed")
        return gr.Error("Something went wrong inside the app; the server's log has the details.", print_exception=False)

    @functools.wraps(handler)
    def call(*args, **kwargs):
        try:
            return handler(*args, **kwargs)
        except Exception as e:
            raise translate(e) from None

    @functools.wraps(handler)
    def iterate(*args, **kwargs):
        try:
            yield from handler(*args, **kwargs)
        except Exception as e:
            raise translate(e) from None

    return iterate if inspect.isgeneratorfunction(handler) else call


# ---- runs that the page can come back to ----------------------------------------------------------------------------


class Runs:
    """The latest recordings, so that scrubbing, saving and sending need no network call; the oldest is dropped."""

    def __init__(self, keep: int = 16):
        self.keep, self._lock, self._runs = keep, threading.Lock(), OrderedDict()

    def add(self, *recordings: Recording) -> None:
        """Remember recordings under the first one's id."""
        with self._lock:
            self._runs[recordings[0].id] = recordings
            while len(self._runs) > self.keep:
                self._runs.popitem(last=False)

    def get(self, value: object) -> tuple[Recording, ...]:
        """The recordings behind a viewer's value. Raises ValueError if they are gone or never were."""
        key = value.get("run") if isinstance(value, dict) else None
        with self._lock:
            found = self._runs.get(key) if isinstance(key, str) else None
        if not found or not found[0].frames:
            raise ValueError("There is no finished picture yet, or it is no longer kept; please run again.")
        return found


RUNS = Runs()


# ---- the viewer -----------------------------------------------------------------------------------------------------


def viewer(elem_id: str) -> gr.HTML:
    """Live preview and scrubber in one: shows the newest frame while a run goes on, scrubs and plays them after."""
    return gr.HTML(
        value={},
        html_template=asset("viewer.html"),
        js_on_load=asset("viewer.js"),
        elem_id=elem_id,
        apply_default_css=False,
        min_height=260,
    )


def timestep(frame: Frame) -> str:
    """The scrubber's label of a frame."""
    return f"result · {frame.n} steps" if frame.t < 0 else f"step {frame.i + 1} / {frame.n} · t = {frame.t}"


Arrange = Callable[[tuple[Frame, ...]], list[np.ndarray]]


def packed(frames: tuple[Frame, ...], arrange: Arrange) -> dict:
    """Simultaneous frames as one entry of the viewer: a lossless picture per lane, and a label."""
    return {"images": [data_uri(png(p)) for p in arrange(frames)], "label": timestep(frames[0])}


def live(recordings: tuple[Recording, ...], steps: Iterable, arrange: Arrange, face: dict) -> Iterator[dict]:
    """Run the Steps of one or more recordings together, yielding viewer values at most every PREVIEW_SECONDS.

    Args:
        steps: tuples of Steps, one per recording, or single Steps for one recording.
        face: what the viewer shows around the pictures: "lanes" and "columns".
    """
    RUNS.add(*recordings)
    started, last = time.monotonic(), 0.0
    for group in steps:
        group = group if isinstance(group, tuple) else (group,)
        now, step = time.monotonic(), group[0]
        if step.i == step.n or now - last < PREVIEW_SECONDS:
            continue
        last = now
        left = (now - started) / step.i * (step.n - step.i) if step.i else None
        status = f"step {step.i + 1} / {step.n} · t = {int(step.t[0])}" + (f" · {left:.0f} s left" if left else "")
        frame = packed(tuple(r.frame(s) for r, s in zip(recordings, group, strict=True)), arrange)
        yield face | {
            "run": recordings[0].id,
            "running": True,
            "status": status,
            "fraction": step.i / step.n,
            "frames": [frame],
        }
    yield finished(recordings, arrange, face, time.monotonic() - started)


def finished(recordings: tuple[Recording, ...], arrange: Arrange, face: dict, took: float | None = None) -> dict:
    """The viewer's value after a run, with every kept frame; of a run that was stopped, those that exist."""
    kept = list(zip(*(r.frames for r in recordings), strict=False))
    last = kept[-1][0]
    status = (
        f"done in {took:.1f} s" if took else "done" if last.i == last.n else f"stopped at step {last.i + 1} / {last.n}"
    )
    frames = [packed(frames, arrange) for frames in kept]
    return face | {"run": recordings[0].id, "running": False, "status": status, "frames": frames}


# ---- rows of controls -----------------------------------------------------------------------------------------------


def run_row(label: str) -> tuple[gr.Button, gr.Button]:
    """The primary button and Stop. Ctrl+Enter and Esc press them."""
    with gr.Row():
        run = gr.Button(label, variant="primary", elem_classes="do-run", scale=3)
        stop = gr.Button("Stop", elem_classes="do-stop", scale=1, min_width=80)
    return run, stop


def seed_row(value: int = 180) -> gr.Number:
    """The seed with a dice for a new one; same seed and settings, same picture."""
    with gr.Row(equal_height=True):
        seed = gr.Number(
            value,
            label="Seed",
            precision=0,
            info="Same seed and settings, same picture.",
            scale=4,
        )
        dice = gr.Button("⚄", elem_classes="dice", scale=0)
    dice.click(None, None, seed, js=DICE, api_visibility="private")
    return seed


def cost_line(price: Callable, inputs: list) -> gr.HTML:
    """What the next run costs, before it starts: `price(*inputs)`, told anew when the page opens and an input changes."""
    line = gr.HTML(elem_classes="cost")

    def say(*values) -> str:
        try:
            return price(*values)
        except (ValueError, ModelError) as e:
            return html.escape(str(e))

    gr.on(None, told(say), inputs, line, trigger_mode="always_last", show_progress="hidden", api_visibility="private")
    return line


def formula_panel(text: str) -> None:
    """The tab's equation in LaTeX, its symbols, what to watch, the paper and the function that does it; closed at first."""
    with gr.Accordion("The formula", open=False):
        gr.Markdown(text, latex_delimiters=LATEX)


def send_to(button: gr.Button, pick: Callable, inputs: list, shared: Shared, tab: str, target: gr.Image) -> None:
    """Make a button put `pick(*inputs)`, a picture, into another tab's input and open that tab."""
    handler = told(lambda *args: (gr.Tabs(selected=tab), pick(*args)))
    button.click(handler, inputs, [shared.tabs, target], js=SLIM, api_visibility="private", queue=False)


# ---- files ----------------------------------------------------------------------------------------------------------


def temporary(name: str, data: bytes) -> str:
    """Bytes as a file that Gradio may serve; the page's cache is cleaned by age."""
    folder = Path(tempfile.mkdtemp(prefix="picture-", dir=_scratch()))
    (folder / name).write_bytes(data)
    return str(folder / name)


@functools.lru_cache(maxsize=1)
def _scratch_folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="fun-with-diffusion-")


def _scratch(keep: int = 200) -> str:
    """This process's scratch folder, with all but the newest entries removed; it goes when the process ends."""
    folder = Path(_scratch_folder().name)
    for old in sorted(folder.iterdir(), key=lambda p: p.stat().st_mtime)[:-keep]:
        for file in old.iterdir():
            file.unlink(missing_ok=True)
        old.rmdir()
    return str(folder)


# ---- a tab alone ----------------------------------------------------------------------------------------------------


def alone(title: str, build: Callable[[Shared], None]) -> gr.Blocks:
    """A page with one tab only, for `python -m tabs.NAME`."""
    with gr.Blocks(title=title, analytics_enabled=False) as demo:
        device = gr.Dropdown(["auto", "cpu", "cuda", "mps"], value="auto", label="Device")
        with gr.Tabs() as tabs, gr.Tab(title):
            build(Shared(device, tabs))
    return demo
