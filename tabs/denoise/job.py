"""The job of the tab Forward & denoise, with its own figures, files and words."""

import time
from collections.abc import Iterator
from dataclasses import replace

import gradio as gr
from PIL import Image

from core.checks import Refused
from core.models.registry import loaded, spec
from core.pictures import images
from core.runs import cost
from core.runs.comparison import Comparison
from core.runs.denoise import DenoiseRequest, Denoising
from core.runs.licence import observe
from core.runs.prompts import left_out
from core.runs.recording import Recording
from core.runs.sampling import PictureRequest, samples
from tabs.denoise.example import from_bytes
from tabs.denoise.figures import as_csv, comparison, moments, noising, on_page, progress, quality, sheet
from tabs.ui.examples import READERS
from tabs.ui.failures import explained
from tabs.ui.files import offered
from tabs.ui.gpu import placed
from tabs.ui.inside import inside
from tabs.ui.job import Job
from tabs.ui.viewer import PREVIEW_SECONDS, RUNS, time_left, timestep

ID = "denoise"


@explained
def make(prompt: str, model: str, seed: float, device: str = "auto") -> Iterator:
    """A picture of the prompt, as the model draws it by default, as the input. Stop works between steps."""
    request = replace(PictureRequest.of(model), prompt=prompt, n=1, model=model, seed=seed)
    plan = samples(PictureRequest.checked(**vars(request)))
    recording = Recording(plan)
    for _ in recording.follow(placed(plan.run, model, device, plan.cost(), plan.prompts)):
        yield gr.skip()
    for blocked in observe(recording, model):
        raise Refused(blocked)
    yield images.to_pil(recording.result[0])


class Comparing(Job):
    """The runs of this tab."""

    def __init__(self) -> None:
        super().__init__(ID, DenoiseRequest, {"compare": lambda r: Denoising(request=r)}, carries=("original",))
        READERS[ID] = from_bytes

    # ---- a run ----

    def stream(self, plan: Denoising, device: str) -> Iterator[tuple]:
        """Repeatedly until the end: three figures, the chart, the run's id and a status line."""
        this = Comparison(plan, withheld=spec(plan.model).withholds)
        RUNS.add(this)
        yield figures(this)
        warm, last = plan.model in {line.split()[0] for line in loaded()}, 0.0
        for _ in this.follow(placed(plan.compare, plan.model, device, plan.cost(), plan.prompts)):
            if not this.curve and (this.i == this.n or time.monotonic() - last >= PREVIEW_SECONDS):
                last = time.monotonic()
                yield figures(this)
        if this.took is not None and warm:  # else it was stopped in its last step, or it loaded the model first
            cost.learn(plan.model, device, *plan.cost(), this.took)
        this.check()
        yield figures(this)

    # ---- after a run ----

    def get(self, view: object) -> Comparison:
        """The run with that id. Raises Refused if it was dropped or belongs to another tab."""
        this = RUNS.get(view)
        if not isinstance(this, Comparison):
            raise Refused("This run is another tab's; please run again.")
        return this

    def keep(self, view: dict) -> list:
        """After a run or Stop: two figures, chart, status, look inside, the pictures to send, PNG and zip."""
        try:
            this = self.get(view)
        except Refused:
            return [gr.skip()] * 8
        this.check()
        shown = [gr.skip()] * 4
        if not str(view.get("status")).startswith("done"):  # Stop; the last step may have ended since
            shown = [*later(this), quality(this.curve or this.found), stopped(this)]
        return [*shown, self.look(this, this.plan.request.longest), *offer(this)]

    def offer(self, view: dict) -> list:
        """The pictures that can be sent, PNG and zip, of a run or of the example."""
        return offer(self.get(view))

    def look(self, recording: Comparison, k: int) -> dict:
        """Run k through all its kept steps, with the PSNR of its clean estimate; empty before the first."""
        if not recording.frames:
            return {}
        value, db = inside(recording, k), recording.plan.decibels(recording.own(k), k)
        frames = [f | {"label": f"{f['label']} · x_0 at {d:.1f} dB"} for f, d in zip(value["frames"], db, strict=True)]
        status = f"the run from t = {recording.plan.request.runs[k]}"
        return value | {"frames": frames, "run": recording.id, "status": status}

    def pick(self, view: dict, name: str) -> Image.Image:
        """One picture of the current run, for another tab."""
        return images.to_pil(self.get(view).chosen(name))


JOB = Comparing()


# ---- figures and words ----


def figures(this: Comparison) -> tuple:
    """The values that a run yields: the noised pictures and the chart only if they change."""
    fixed = [gr.skip()] * 2
    if this.i < 0 or this.curve:
        fixed = on_page(noising(this)), quality(this.curve)
    forward, chart = fixed
    return forward, *later(this), chart, {"run": this.id, "status": status(this)}, status(this)


def again(this: Comparison) -> tuple:
    """The values of a run that ended, all of them."""
    ended = status(this) if this.took is not None else stopped(this)
    return (
        on_page(noising(this)),
        *later(this),
        quality(this.curve or this.found),
        {"run": this.id, "status": ended},
        ended,
    )


def later(this: Comparison) -> tuple[str, str]:
    """The two figures that fill during a run."""
    return on_page(comparison(this), caption_of(this)), on_page(progress(this))


def status(this: Comparison) -> str:
    """The status: the current work, or the finished work."""
    if this.took is not None:
        return f"done in {this.took:.1f} s"
    now = time.monotonic()
    if 0 <= this.i < this.n:
        return timestep(this.plan, this.latest) + time_left(now - this.iterating, this.i, this.n)
    return f"{doing(this)} · {now - this.started:.1f} s"


def doing(this: Comparison) -> str:
    """The current work before and after the iterative steps."""
    if this.i == this.n:
        return "measuring the curve"
    if this.found:
        return "filters and one step done; iterating"
    return "loading the model" if this.beside.ladder is None else "noised; finding the best filters"


def stopped(this: Comparison) -> str:
    """How far a stopped run got."""
    if this.took is not None:
        return f"stopped at the end, after {this.took:.1f} s"
    if this.i == this.n:
        return "stopped before the curve was measured"
    return f"stopped at step {this.i + 1} / {this.n}" if this.i >= 0 else "stopped before the first step"


def caption_of(this: Comparison) -> str:
    """The caption: what the pictures are, the notes on them, and where the run was stopped."""
    plan = this.plan
    read = left_out(plan.model, plan.prompts) if this.took is not None else []
    halted = this.took is None and this.notes is not None
    end = [f"{stopped(this).capitalize()}."] if halted else []
    return " ".join([plan.caption, *read, *(this.notes or ()), *end])


def offer(this: Comparison) -> list:
    """The list of the pictures that can be sent, PNG and zip."""
    names = [e.name for e in this.found]
    choice = gr.Dropdown(choices=names, value=names[-1] if names else None, interactive=True)
    return [choice, *files(this)]


def files(this: Comparison) -> list[gr.DownloadButton]:
    """The two buttons with their files: the whole comparison as PNG, and a zip that also has every single picture."""
    settings, plan = this.settings, this.plan
    whole = images.png(sheet([noising(this), comparison(this), progress(this)], caption_of(this)), settings)
    packed = [("comparison.png", whole), ("original.png", images.png(plan.inputs["original"], settings))]
    for e in this.found:
        extra = {"t": e.t, "method": e.method, "psnr": round(e.db, 2)}
        packed.append((f"t-{e.t}-{e.method.replace(' ', '-')}.png", images.png(e.pixels, settings | extra)))
    for at, pixels in zip(moments(plan.request), this.states, strict=False):
        packed.append((f"iterative-run-{at.replace(' = ', '-')}.png", images.png(pixels, settings)))
    if this.curve:
        packed.append(("psnr.csv", as_csv(this.curve)))
    return offered((f"{plan.name}.png", whole), (f"{plan.name}.zip", images.zip_of(packed)))
