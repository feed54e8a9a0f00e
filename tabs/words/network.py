"""The network from inside: its diagram, read off the loaded network, and the feature maps of the block that is pressed."""

import gradio as gr
import numpy as np

from core.checks import Refused
from core.runs.frame import Frame
from core.runs.network import CHANGES, PLANS, Network, NetworkRequest, blocks, graph
from core.runs.recording import Recording
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.examples import fetched
from tabs.ui.failures import explained
from tabs.ui.files import download_row, saved, trajectory
from tabs.ui.job import Job
from tabs.ui.layout import Layout
from tabs.ui.plane import bytes64
from tabs.ui.presets import Preset
from tabs.ui.theme import asset, script
from tabs.ui.viewer import RUNS
from tabs.words.asked import answered, frames_seen
from tabs.words.diagram import drawing
from tabs.words.diagram_places import sized

R = NetworkRequest
PRESETS = {
    "A class enters": R(),
    "No class: tell it another t": R(model="ddpm-time", prompt="", other="", guidance=1.0),
    "With a class, or without": R(other=""),
    "Pocket: red or green": R("pocket", "an emoji of a red apple", "an emoji of a green apple", guidance=3.0),
    "Pocket: another thing": R("pocket", "an emoji of a cat face", "an emoji of a rocket", guidance=3.0),
    "Pocket: no prompt": R("pocket", "a photo of a seashore", "", guidance=3.0),
}


class NetworkJob(Job):
    """The job of this tab. The viewer's value has the change of every block; the page asks for one block's maps."""

    def face(self, plan: Network) -> dict:
        """The labels around the pictures, and the names of the blocks."""
        model = plan.request.model
        own = {"model": model, "ways": [*plan.ways], "block": plan.shown, "names": [n.name for n in blocks(model)]}
        return super().face(plan) | own

    def stream(self, plan, device):
        """The viewer's values as in every tab, with the changes of the newest frame."""
        for value in super().stream(plan, device):
            yield changed(value, RUNS.get(value))

    def value(self, recording: Recording) -> dict:
        """The viewer's value as in every tab, with the changes of every frame."""
        return changed(super().value(recording), recording)

    def keep(self, view: dict):
        """After a run or Stop: the viewer with all frames, and the files."""
        recording = RUNS.get(view)
        value = self.value(recording)
        return [value, *saved(recording, value, trajectory(recording, value))]


def changed(value: dict, recording: Recording) -> dict:
    """A viewer's value with the change of every block, a byte each."""
    kept = [recording.latest] if value["running"] else recording.frames
    frames = [
        entry | {"changes": bytes64(frame.maps[CHANGES], "u1")}
        for entry, frame in zip(value["frames"], kept, strict=True)
    ]
    return value | {"frames": frames}


# ---- what the page asks for ----


def of_block(run: object, name: object) -> dict:
    """The maps of a block in every kept frame, of a run under way in the newest: {"h", "w", "channels", "of": all of it, "frames":
    [base64 of bytes, [way][channel][row][column]]}.

    Raises:
        Refused: no such run, or no such block.
    """
    recording = RUNS.get({"run": run})
    if not isinstance(recording.plan, Network):
        raise Refused("This is no run of The network from inside.")
    node = next((n for n in blocks(recording.plan.model) if n.name == name), None)
    if node is None:
        raise Refused(f"There is no such block; there are {', '.join(n.name for n in blocks(recording.plan.model))}.")
    frames = frames_seen(recording)
    _, h, w, channels = frames[-1].maps[name].shape
    about = {
        "h": h,
        "w": w,
        "channels": channels,
        "title": node.title,
        "shape": sized(node.shape),
        "weights": node.weights,
    }
    return about | {"name": name, "frames": [_bytes(frame, name) for frame in frames]}


def _bytes(frame: Frame, name: str) -> str:
    return bytes64(np.moveaxis(frame.maps[name], 3, 1), "u1")


def network_block(run: str, block: str) -> dict:
    """The feature maps of one block of a run; `run` is the id in the run's value. See `of_block`."""
    return explained(of_block)(run, block)


def asked_maps(question: object) -> dict:
    """`of_block` for the page: {"run", "block"}; without an answer, {"words": why}."""
    return answered(lambda q: of_block(q.get("run"), q.get("block")), question)


def asked_drawing(question: object) -> dict:
    """The diagram of a model's network, or of a block in it: {"model", "path"} -> {"svg"}."""
    return answered(lambda q: {"svg": diagram_of(q.get("model"), q.get("path"))}, question)


def diagram_of(model: object, path: object) -> str:
    """The diagram of a network, with the path "", or of a block in it. Raises Refused if there is none."""
    if not isinstance(model, str) or model not in R.kinds()["model"].options():
        raise Refused("There is no such network here.")
    found = graph(model).at(path) if isinstance(path, str) else None
    if found is None:
        raise Refused("There are no parts in this.")
    return drawing(found, whole=not path)


# ---- the page ----


class NetworkLayout(Layout):
    """The columns of the sub-tab; no picture is chosen in it."""

    @property
    def kept(self) -> list:
        """The components that `NetworkJob.keep` fills after a run."""
        return [self.view, *self.files]


JOB = NetworkJob("network", NetworkRequest, PLANS, {"time": "Tell it another t"})


def view(elem_id: str, value: dict | None = None) -> gr.HTML:
    """The pictures of a step, the diagram coloured by what changes, and the maps of the pressed block."""
    return gr.HTML(
        value=value or {},
        html_template=asset("words/network.html"),
        js_on_load=script("network"),
        server_functions=[fetched, asked_maps, asked_drawing],
        elem_id=elem_id,
        apply_default_css=False,
        min_height=560,
    )


def build(shared: Shared) -> None:
    """The sub-tab."""
    tab = NetworkLayout(JOB, R(), shared, {name: Preset(r, moves=True) for name, r in PRESETS.items()})
    with tab.left:
        tab.form.place("model", "prompt", "other")
        tab.run_row("Look inside", remarks=())
        tab.form.place("seed")
        tab.experiments("Experiment: the same prompt, and another t on the same x_t.")
        tab.form.place("shift")
        with tab.more("restore_network"):
            tab.form.place("guidance", "steps")
    with tab.right:
        tab.view = view("network-view", JOB.example())
        with gr.Row(elem_classes="slim"):
            tab.files = download_row()
        formula_panel("network")
    tab.wire({"prompt": "look_inside_network", "time": "look_inside_network_time"})
    gr.api(network_block, api_name="network_block")
