"""The networks of the digits and their algorithms: diagrams read off the networks, and each line of an algorithm beside the
line of code that does it, found in the source."""

import html
import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from core.checks import ModelError
from core.diffusion import guidance, loop, sampler_table, samplers, schedule
from core.diffusion.training import train
from core.models import mnist, mnist_losses
from core.runs.network import graph
from tabs.ui.controls import Shared
from tabs.ui.viewer import made_when_seen
from tabs.words.diagram import drawing

ROOT = Path(__file__).parents[2]
AROUND = 2
"""Lines of code shown before and after the one that is meant."""


@dataclass(frozen=True)
class Line:
    """A line of an algorithm.

    Args:
        words: HTML.
        within: the function that does it.
        code: a part of the line of code, once in that function.
        deep: how far it is indented.
    """

    words: str
    within: Callable
    code: str
    deep: int = 1


REPEAT = Line("<b>repeat</b>", train, "for k in itertools.count(start)", 0)
PICK = Line("<i>x</i><sub>0</sub> ← a batch of clean digits", train, "value = loss(k)")
TIME = Line("<i>t</i> ~ Uniform({1, …, <i>T</i>})", mnist_losses._ddpm_loss, "t = torch.randint(")
NOISE = Line("<i>ε</i> ~ N(0, I)", mnist_losses._ddpm_loss, "eps = noise(x_0, g)")
DROP = Line(
    "<i>c</i> ← one-hot of the label; with probability <i>p</i><sub>uncond</sub> <i>c</i> ← 0",
    mnist_losses.dropped, "F.one_hot(labels, CLASSES)",
)  # fmt: skip
MIX = Line(
    "<i>x<sub>t</sub></i> ← √<i>ᾱ<sub>t</sub></i> <i>x</i><sub>0</sub> + √(1 − <i>ᾱ<sub>t</sub></i>) <i>ε</i>",
    schedule.Schedule.forward, "return a * x_0 + s * eps",
)  # fmt: skip
STEP = Line("a gradient step on the loss", train, "optimiser.step()")
START = Line("<i>x<sub>T</sub></i> ~ N(0, I)", sampler_table.generate, "x = randn(", 0)
FOR = Line("<b>for</b> <i>t</i> = <i>T</i>, …, 1 <b>do</b>", loop.walk, "for i, (down, up) in", 0)
FRESH = Line(
    "<i>z</i> ~ N(0, I) if <i>t</i> > 1, else <i>z</i> = 0", samplers.ddim, "z = group.noise(x_t, source) if noisy"
)
CLEAN = Line(
    "<i>x̂</i><sub>0</sub> ← (<i>x<sub>t</sub></i> − √(1 − <i>ᾱ<sub>t</sub></i>) <i>ε</i>) / √<i>ᾱ<sub>t</sub></i>",
    schedule.Schedule.x_0, "return (x_t - s * eps) / a",
)  # fmt: skip
ANCESTRAL = Line(
    "<i>x</i><sub><i>t</i>−1</sub> ← √<i>ᾱ</i><sub><i>t</i>−1</sub> <i>β<sub>t</sub></i> / (1 − <i>ᾱ<sub>t</sub></i>) <i>x̂</i><sub>0</sub> "
    "+ √<i>α<sub>t</sub></i> (1 − <i>ᾱ</i><sub><i>t</i>−1</sub>) / (1 − <i>ᾱ<sub>t</sub></i>) <i>x<sub>t</sub></i> + "
    "<i>σ<sub>t</sub></i> <i>z</i>, written with <i>ε</i> in the place of <i>x<sub>t</sub></i>",
    samplers.update, "return a * p.x_0 + estimated * p.eps + spread * z",
)  # fmt: skip
DONE = Line("<b>return</b> <i>x</i><sub>0</sub>", loop.walk, "yield Step(n, n, visits[n], x, x)", 0)
TWICE = Line(
    "<i>ε</i><sub>u</sub>, <i>ε</i><sub>c</sub> ← <i>ε<sub>θ</sub></i>(<i>x<sub>t</sub></i>, <i>t</i>, 0), "
    "<i>ε<sub>θ</sub></i>(<i>x<sub>t</sub></i>, <i>t</i>, <i>c</i>), in one call",
    guidance._Guided.predict, "p = self.inner.predict(torch.cat([first, x_t])",
)  # fmt: skip
GUIDED = Line(
    "<i>ε</i> ← <i>ε</i><sub>u</sub> + <i>w</i> (<i>ε</i><sub>c</sub> − <i>ε</i><sub>u</sub>)",
    guidance._Guided.predict, "eps_u + w * (eps_c - eps_u)",
)  # fmt: skip
FLOW_TIME = Line("<i>t</i> ~ Uniform([0, 1])", mnist_losses._flow_loss, "tau = torch.rand(")
FLOW_NOISE = Line("<i>ε</i> ~ N(0, I)", mnist_losses._flow_loss, "eps, a = noise(x_0, g)")
FLOW_START = Line("<i>x</i> ~ N(0, I) at <i>t</i> = 0", sampler_table.generate, "x = randn(", 0)
FLOW_FOR = Line(
    "<b>for</b> <i>t</i> from 0 to 1 in steps of 1 / <i>n</i> <b>do</b>", loop.walk, "for i, (down, up) in", 0
)
ENDS = Line(
    "<i>x̂</i><sub>0</sub> ← <i>x</i> + (1 − <i>t</i>) <i>u</i>, and <i>ε</i> ← <i>x</i> − <i>t u</i>",
    schedule.Schedule.from_velocity, "return (x_t + s * u) / (a + s)",
)  # fmt: skip
EULER = Line(
    "<i>x</i> ← <i>x</i> + <i>u</i> / <i>n</i>, which is <i>t</i>′ <i>x̂</i><sub>0</sub> + (1 − <i>t</i>′) <i>ε</i>",
    samplers.update, "return a * p.x_0 + s * p.eps",
)  # fmt: skip
FLOW_TWICE = Line(
    "<i>u</i><sub>u</sub>, <i>u</i><sub>c</sub> ← <i>u<sub>θ</sub></i>(<i>x</i>, <i>t</i>, 0), <i>u<sub>θ</sub></i>(<i>x</i>, <i>t</i>, <i>c</i>), "
    "in one call", guidance._Guided.predict, "p = self.inner.predict(torch.cat([first, x_t])",
)  # fmt: skip
FLOW_GUIDED = Line(
    "<i>u</i> ← <i>u</i><sub>u</sub> + <i>w</i> (<i>u</i><sub>c</sub> − <i>u</i><sub>u</sub>), the same of its ends "
    "<i>x̂</i><sub>0</sub> and <i>ε</i>", guidance._Guided.predict, "x_0_u + w * (x_0_c - x_0_u)",
)  # fmt: skip


def asks(words: str, flow: bool) -> Line:
    """The line in which a sampler asks the network."""
    within, code = (mnist.Digits.predict, "out = self.net(")
    return Line(f"<i>{'u' if flow else 'ε'}</i> ← {words}", within, code)


def lost(words: str, flow: bool) -> Line:
    """The line with the loss."""
    return Line(words, mnist_losses._flow_loss if flow else mnist_losses._ddpm_loss, "return F.mse_loss(net(")


EPS, U = "<i>ε<sub>θ</sub></i>(<i>x<sub>t</sub></i>, <i>t</i>{c})", "<i>u<sub>θ</sub></i>(<i>x</i>, <i>t</i>{c})"
LOSS = "loss ← ‖<i>ε</i> − " + EPS + "‖²"
FLOW_LOSS = (
    "loss ← ‖(<i>x</i><sub>0</sub> − <i>ε</i>) − <i>u<sub>θ</sub></i>(<i>x<sub>t</sub></i>, <i>t</i>{c})‖² at "
    "<i>x<sub>t</sub></i> = <i>t x</i><sub>0</sub> + (1 − <i>t</i>) <i>ε</i>"
)
C = ", <i>c</i>"
ALGORITHMS: dict[str, Sequence[Line]] = {
    "B.1  Training, with time": (REPEAT, PICK, TIME, NOISE, MIX, lost(LOSS.format(c=""), False), STEP),
    "B.2  Sampling, with time": (START, FOR, FRESH, asks(EPS.format(c=""), False), CLEAN, ANCESTRAL, DONE),
    "B.3  Training, with time and class": (REPEAT, PICK, DROP, TIME, NOISE, MIX, lost(LOSS.format(c=C), False), STEP),
    "B.4  Sampling, with time and class": (START, FOR, FRESH, TWICE, GUIDED, CLEAN, ANCESTRAL, DONE),
    "Flow matching: training, with time": (REPEAT, PICK, FLOW_TIME, FLOW_NOISE, lost(FLOW_LOSS.format(c=""), True), STEP),
    "Flow matching: sampling, with time": (FLOW_START, FLOW_FOR, asks(U.format(c=""), True), ENDS, EULER, DONE),
    "Flow matching: training, with time and class": (
        REPEAT, PICK, DROP, FLOW_TIME, FLOW_NOISE, lost(FLOW_LOSS.format(c=C), True), STEP,
    ),
    "Flow matching: sampling, with time and class": (FLOW_START, FLOW_FOR, FLOW_TWICE, FLOW_GUIDED, ENDS, EULER, DONE),
}  # fmt: skip
"""Title -> lines; B.1 to B.4 as the course numbers them for DDPM."""
ABOUT = (
    "Each line stands beside the line of this app that does it: press it to read the code around it. The samplers of both paths "
    "are one loop with one equation, of which the ancestral step and Euler's are two cases."
)
NETWORKS = {
    "denoiser": ("Unconditional", "the single-step denoiser"),
    "ddpm-time": ("With time", "DDPM and flow matching without classes"),
    "ddpm-class": ("With time and class", "c is a one-hot row of ten, all zero for no class"),
}
"""Model -> title, and where it is used."""
OPERATIONS = {
    "enter": "ConvBlock: two Convs", "enter.0": "Conv: keeps the size", "down1": "DownBlock: halves the size",
    "up1": "UpBlock: doubles it", "flatten": "Flatten: the whole picture in one place", "unflatten": "Unflatten: and back",
    "t1": "FCBlock of the time", "c1": "FCBlock of the class",
}  # fmt: skip
"""Path in the largest of them -> what it is."""


def place_of(line: Line) -> tuple[str, int, list[str]]:
    """The file of a line's code, from the root; its number there; and the lines of code around it."""
    within = inspect.unwrap(line.within)
    code, first = inspect.getsourcelines(within)
    at = next(k for k, text in enumerate(code) if line.code in text)
    file = Path(inspect.getsourcefile(within)).relative_to(ROOT).as_posix()
    around = "".join(code[max(0, at - AROUND) : at + AROUND + 1])
    return file, first + at, textwrap.dedent(around).splitlines(keepends=True)


def box(title: str, lines: Sequence[Line]) -> str:
    """An algorithm as HTML."""
    return f'<section class="algo"><h4>{title}</h4><ol>{"".join(map(_item, lines))}</ol></section>'


def _item(line: Line) -> str:
    file, number, around = place_of(line)
    marked = [f"<mark>{html.escape(t)}</mark>" if line.code in t else html.escape(t) for t in around]
    return (
        f'<li style="--deep: {line.deep}"><span>{line.words}</span><details><summary>{file}:{number}</summary>'
        f"<pre>{''.join(marked)}</pre></details></li>"
    )


def algorithms() -> str:
    """All of them as HTML."""
    return f'<p class="caption">{ABOUT}</p><div class="algos">{"".join(box(*one) for one in ALGORITHMS.items())}</div>'


def networks() -> str:
    """The three U-Nets and their operations as HTML; a sentence where a model is not here."""
    try:
        large = [
            _figure(f"<b>{title}</b>: {why}", drawing(graph(m), pressed=False)) for m, (title, why) in NETWORKS.items()
        ]
        parts = graph("ddpm-class")
        small = [_figure(why, drawing(parts.at(path), whole=False, pressed=False)) for path, why in OPERATIONS.items()]
    except ModelError as e:
        return html.escape(str(e))
    return (
        f'<div class="nets">{"".join(large)}<h3>The blocks and the operations in them</h3>'
        f'<div class="nets-small">{"".join(small)}</div></div>'
    )


def _figure(caption: str, svg: str) -> str:
    return f"<figure><figcaption>{caption}</figcaption>{svg}</figure>"


def build(shared: Shared) -> None:
    """The sub-tab."""
    gr.HTML('<div class="caption">The U-Nets of the digits, read off the loaded networks. <i>Words in the picture · The '
            "network from inside</i> shows what their blocks make of a digit.</div>")  # fmt: skip
    made_when_seen(networks, elem_id="mnist-networks", min_height=900)
    gr.HTML("<h3>The algorithms, line by line</h3>")
    made_when_seen(algorithms, elem_id="mnist-algorithms", min_height=400)
