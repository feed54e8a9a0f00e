"""What the tab Forward & denoise does: the run, what is kept of it and of what is left after Stop, the price."""

import functools
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import gradio as gr
import numpy as np
from PIL import Image

from core.checks import Refused
from core.models.registry import loaded, spec
from core.pictures import images
from core.runs import cost
from core.runs.denoise import BY_NETWORK, DenoiseRequest, Denoising, Estimate, Moment
from core.runs.licence import observe
from core.runs.prompts import left_out
from core.runs.recording import UNCHECKED, Frame, Recording
from core.techniques.filters import psnr
from tabs.denoise.figures import comparison, described, moments, noising, on_page, progress, sheet, table
from tabs.ui.canvas import small
from tabs.ui.controls import told
from tabs.ui.gpu import placed
from tabs.ui.job import offered
from tabs.ui.prompts import inside
from tabs.ui.saved import packed, settings_in, unpacked
from tabs.ui.viewer import PREVIEW_SECONDS, Runs

FIELDS = tuple(DenoiseRequest.__dataclass_fields__)
NO_PICTURE = "There is no picture yet: upload one, choose an example, or let the model draw one."


@dataclass
class Comparison:
    """A run: its settings, its picture, and how far it got."""

    request: DenoiseRequest
    original: np.ndarray
    frames: list[Moment]  # the latest alone
    inside: Recording = field(default_factory=lambda: Recording({}, -1, 1))  # the longest iterative run
    notes: tuple[str, ...] | None = None  # as a Recording's: once they are there, nothing more is kept
    took: float | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def now(self) -> Moment:
        """How far it got."""
        return self.frames[-1]

    @property
    def nbytes(self) -> int:
        """The memory that its pictures take."""
        now = self.now
        ladder = () if now.ladder is None else (now.ladder,)
        pictures = (self.original, *ladder, *now.states, *(e.pixels for e in (*now.found, *now.curve)))
        return sum(p.nbytes for p in pictures) + self.inside.nbytes

    def follow(self, run: Iterator[Moment]) -> Iterator[Moment]:
        """Pass the moments on, keeping the latest."""
        for now in run:
            with self.lock:
                if self.notes is None:
                    self.frames = [now]
                    if now.inside:
                        self.inside.keep(now.inside)
            yield now
        with self.lock:
            if self.notes is None:
                self.took = time.monotonic() - self.started

    def observe(self) -> None:
        """What DeepFloyd's licence asks of the pictures that its network made, once; see `core.runs.licence`."""
        with self.lock:
            if self.notes is None:
                self.notes = self._observed()

    def _observed(self) -> tuple[str, ...]:
        ours = [e.pixels for e in self.now.found if e.method in BY_NETWORK]
        if not ours:
            return ()
        observe(self.inside, self.request.model)
        pictures = np.stack([*ours, *self.now.states])
        recording = Recording({}, -1, 1, frames=[Frame(self.now.i, self.now.n, -1, pictures.copy(), pictures)])
        said = [note.partition(": ")[2] for note in observe(recording, self.request.model)]
        left = iter(recording.result)
        found = tuple(replace(e, pixels=next(left)) if e.method in BY_NETWORK else e for e in self.now.found)
        self.frames = [replace(self.now, found=found, states=tuple(left))]
        return tuple(f"Grey: {sentence}" for sentence in dict.fromkeys(said))

    def settings(self) -> dict:
        """What its pictures carry."""
        return self.request.settings() | {"original": packed(self.original)}

    def caption(self) -> str:
        """What its pictures are, what was said of them, and how far it got where it was stopped."""
        r = self.request
        read = left_out(r.model, (r.prompt,)) if self.took is not None else []
        halted = self.took is None and self.notes is not None
        end = [f"{stopped(self).capitalize()}."] if halted else []
        return " ".join([described(r), *read, *(self.notes or ()), *end])


COMPARISONS = Runs(100_000_000)  # about 2.5 MB each


# ---- a run ----------------------------------------------------------------------------------------------------------


@told
def run(
    picture: Image.Image, levels: str, prompt: str, guidance: float, model: str, stride: float, seed: float,
    filtered: str = "scaled", device: str = "auto",
):  # fmt: skip
    """Noise a picture and bring it back. Yields three figures, a table for the chart, the run's id, and a status line."""
    request = DenoiseRequest.checked(levels, prompt, guidance, model, stride, seed, filtered)
    this = Comparison(request, pixels_of(picture), [Moment(len(request.visits))])
    COMPARISONS.add(this)
    yield figures(this)
    make, last = functools.partial(steps, request, this.original), 0.0
    warm = request.model in {line.split()[0] for line in loaded()}
    for now in this.follow(placed(make, request.model, device, request.cost(), (request.prompt,))):
        if not now.curve and (now.i == now.n or time.monotonic() - last >= PREVIEW_SECONDS):
            last = time.monotonic()
            yield figures(this)
    if this.took is not None and warm:  # else it was stopped in its last step, or the model was brought first
        cost.learn(request.model, device, *request.cost(), this.took)
    this.observe()
    yield figures(this)


def pixels_of(picture: Image.Image | None) -> np.ndarray:
    """Any picture as the (64, 64, 3) uint8 that is worked on. Raises Refused if there is none."""
    if not isinstance(picture, Image.Image):
        raise Refused(NO_PICTURE)
    return small(picture)


def steps(request: DenoiseRequest, original: np.ndarray, device: str) -> Iterator[Moment]:
    """The Moments of a run."""
    yield from Denoising(request, images.from_uint8(original[None], -1, 1), device).run()


def figures(this: Comparison) -> tuple:
    """What `run` yields: the noised pictures and the chart only where they change."""
    now, fixed = this.now, [gr.skip()] * 2
    if now.i < 0 or now.curve:
        fixed = on_page(noising(now)), table(now.curve)
    forward, chart = fixed
    return forward, *later(this), chart, {"run": this.id, "status": status(this)}, status(this)


def status(this: Comparison) -> str:
    """What is being done, or was."""
    if this.took is not None:
        return f"done in {this.took:.1f} s"
    return f"{doing(this.now)} · {time.monotonic() - this.started:.1f} s"


def later(this: Comparison) -> tuple[str, str]:
    """The two figures that fill while a run goes on."""
    return (
        on_page(comparison(this.request, this.now), this.caption()),
        on_page(progress(this.request, this.now)),
    )


def doing(now: Moment) -> str:
    """What is being done."""
    if now.i == now.n:
        return "measuring the curve"
    if now.i >= 0:
        return f"iterating, step {now.i} / {now.n}"
    if now.found:
        return "filters and one step done; iterating"
    return "loading the model" if now.ladder is None else "noised; finding the best filters"


def price(levels, prompt, guidance, model, stride, seed, filtered, device) -> str:
    """The cost line for the settings as they stand."""
    request = DenoiseRequest.checked(levels, prompt, guidance, model, stride, seed, filtered)
    return cost.sentence(*request.cost(), cost.seconds(request.model, device, *request.cost()), request.guidance)


# ---- after a run ----------------------------------------------------------------------------------------------------


@told
def keep(view: dict) -> list:
    """After a run or Stop: two figures, the chart and the status, the look inside, what can be sent, the PNG and the zip."""
    try:
        (this,) = COMPARISONS.get(view)
    except Refused:
        return [gr.skip()] * 8
    this.observe()
    shown = [gr.skip()] * 4
    if not str(view.get("status")).startswith("done"):  # Stop; the last step may have been done since
        shown = [*later(this), table(this.now.curve or this.now.found), stopped(this)]
    names = [named(e) for e in this.now.found]
    choice = gr.Dropdown(choices=names, value=names[-1] if names else None, interactive=True)
    return [*shown, inner(this), choice, *files(this)]


def inner(this: Comparison) -> dict:
    """The longest iterative run through all its kept steps, with the PSNR of its clean estimate; empty before the first."""
    if not this.inside.frames:
        return {}
    value, original = inside(this.inside, 0), images.from_uint8(this.original[None], -1, 1)
    db = [psnr(images.from_uint8(f.x_0, -1, 1), original).item() for f in this.inside.frames]
    frames = [f | {"label": f"{f['label']} · x_0 at {d:.1f} dB"} for f, d in zip(value["frames"], db, strict=True)]
    return value | {"frames": frames, "run": this.id, "status": f"the run from t = {this.request.visits[0]}"}


def stopped(this: Comparison) -> str:
    """How far a run got that was stopped."""
    now = this.now
    if this.took is not None:
        return f"stopped at the end, after {this.took:.1f} s"
    if now.i == now.n:
        return "stopped before the curve was measured"
    return f"stopped at step {now.i} / {now.n}" if now.i >= 0 else "stopped before the first step"


def named(e: Estimate) -> str:
    """What an estimate is called where one is chosen."""
    return f"{e.method}, t = {e.t}"


def pick(view: dict, name: str) -> Image.Image:
    """One picture of the current run, for another tab."""
    (this,) = COMPARISONS.get(view)
    if this.notes is None and spec(this.request.model).withholds:
        raise Refused(UNCHECKED)
    for e in this.now.found:
        if named(e) == name:
            return images.to_pil(e.pixels)
    raise Refused("Choose one of the pictures of this run.")


def files(this: Comparison) -> list[gr.DownloadButton]:
    """The two buttons with their files: the whole comparison as PNG, and a zip that also has every single picture."""
    settings, now, request = this.settings(), this.now, this.request
    name = f"denoise-{request.model}-seed-{request.seed}"
    panels = [noising(now), comparison(request, now), progress(request, now)]
    whole = images.png(sheet(panels, this.caption()), settings)
    inside = [("comparison.png", whole), ("original.png", images.png(this.original, settings))]
    for e in now.found:
        extra = {"t": e.t, "method": e.method, "psnr": round(e.db, 2)}
        inside.append((f"t-{e.t}-{e.method.replace(' ', '-')}.png", images.png(e.pixels, settings | extra)))
    for at, pixels in zip(moments(request), now.states, strict=False):
        inside.append((f"iterative-run-{at.replace(' = ', '-')}.png", images.png(pixels, settings)))
    if now.curve:
        inside.append(("psnr.csv", table(now.curve).to_csv(index=False).encode()))
    return offered((f"{name}.png", whole), (f"{name}.zip", images.zip_of(inside)))


# ---- the inputs -----------------------------------------------------------------------------------------------------


def fill(request: DenoiseRequest) -> list:
    """A request as values of the inputs."""
    return [", ".join(map(str, request.levels)), *(getattr(request, name) for name in FIELDS[1:])]


@told
def restore(path: str) -> list:
    """The picture and the settings inside a PNG that this tab saved, back into the tab."""
    settings = settings_in(path, "denoise")
    known = {k: settings[k] for k in FIELDS if k in settings}
    request = DenoiseRequest.checked(**vars(DenoiseRequest()) | known)
    return [unpacked(settings.get("original")), *fill(request)]
