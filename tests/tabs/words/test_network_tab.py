"""The network from inside: its diagram as SVG, and the maps as they travel to the page."""

import base64
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from core.models.registry import availability
from core.runs.network import CHANGES, NetworkRequest, blocks, graph
from core.techniques.network_graph import Graph, Node
from tabs.ui.examples import example
from tabs.ui.viewer import RUNS
from tabs.words import job, network
from tabs.words.diagram import drawing
from tabs.words.network import JOB, PRESETS, asked_drawing, asked_maps, of_block

pytestmark = pytest.mark.skipif(
    not all(availability(name)[0] for name in ("pocket", "flow-class", "ddpm-time")),
    reason="models are not in checkpoints/",
)
NETWORKS = [*NetworkRequest.kinds()["model"].options()]


def all_graphs(found: Graph, path: str = ""):
    """A graph and those of its blocks, with their paths."""
    yield path, found
    for node in found.nodes:
        if node.inside:
            yield from all_graphs(node.inside, f"{path}.{node.name}".removeprefix("."))


def boxes(svg: str) -> dict[str, list[float]]:
    """Module -> (x, y, width, height) of its box."""
    root = ET.fromstring(svg)
    modules = [g for g in root.iter() if "data-node" in g.attrib]
    rect = lambda g: next(r for r in g.iter("rect") if r.get("class") == "nd-box")  # noqa: E731
    return {g.get("data-node"): [float(rect(g).get(k)) for k in ("x", "y", "width", "height")] for g in modules}


@pytest.mark.parametrize("model", NETWORKS)
def test_every_module_has_one_box_within_the_drawing_and_none_covers_another(model):
    for path, found in all_graphs(graph(model)):
        svg = drawing(found, whole=not path)
        placed = boxes(svg)
        assert [*placed] == [n.name for n in found.modules] and svg.count("data-node=") == len(placed), path
        width, height = map(float, ET.fromstring(svg).get("viewBox").split()[2:])
        for x, y, w, h in placed.values():
            assert x >= 0 and x + w <= width and y >= 0 and y + h <= height, path
        all_ = [*placed.values()]
        for i, (x, y, w, h) in enumerate(all_):
            for a, b, c, d in all_[i + 1 :]:
                assert x + w <= a or a + c <= x or y + h <= b or b + d <= y, path


def test_a_row_for_each_resolution_and_the_conditions_below():
    placed = boxes(drawing(graph("ddpm-class")))
    rows = {name: y for name, (_, y, _, _) in placed.items()}
    assert (
        rows["enter"]
        == rows["up2"]
        == rows["leave.1"]
        < rows["down1"]
        == rows["up1"]
        < rows["down2"]
        == rows["unflatten"]
    )
    assert rows["unflatten"] < rows["flatten"] < rows["c1"] == rows["t1"] == rows["c2"]
    assert [name for name, _ in sorted(placed.items(), key=lambda p: p[1][0]) if name in ("enter", "down1", "down2", "flatten")] == [
        "enter", "down1", "down2", "flatten",
    ]  # fmt: skip


def test_skips_are_dashed_and_dots_stand_where_a_condition_enters():
    svg = drawing(graph("ddpm-class"))
    assert svg.count('class="nd-skip"') == 3 and "nd-dot" not in svg and ">t<" in svg and ">c<" in svg
    pocket = drawing(graph("pocket"))
    stages = [n for n in graph("pocket").modules if n.title == "Stage"]
    reading = sum("in:text" in n.sources for n in stages)
    assert pocket.count('class="nd-skip"') == 6 and 0 < reading < len(stages)
    assert pocket.count('"nd-dot nd-dot-0"') + pocket.count('"nd-dot nd-dot-1"') == len(stages) + reading + 2
    assert ">c<" not in drawing(graph("ddpm-time"))


def test_names_are_escaped():
    inputs = Node("in:x", "input", "x<b>", (1, 2, 2))
    svg = drawing(Graph((inputs, Node('a"', "layer", "<script>&", (1, 2, 2), ("in:x",))), 'a"'))
    assert "<script" not in svg and boxes(svg).keys() == {'a"'}


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid(name):
    r = PRESETS[name]
    assert NetworkRequest.restored(r.settings()) == r


def test_the_example_is_what_its_button_makes_and_answers_for_every_block():
    value = example("network")
    recording = RUNS.get(value)
    assert recording.plan.request == NetworkRequest() and value["names"] == [b.name for b in blocks("flow-class")]
    for entry, frame in zip(value["frames"], recording.frames, strict=True):
        assert base64.b64decode(entry["changes"]) == frame.maps[CHANGES].tobytes()
    for block in blocks("flow-class"):
        found = asked_maps({"run": value["run"], "block": block.name})
        assert len(found["frames"]) == len(value["frames"])
        assert {len(base64.b64decode(f)) for f in found["frames"]} == {2 * found["channels"] * found["h"] * found["w"]}


def test_maps_travel_by_way_channel_row_and_column():
    *_, value = JOB.handler("prompt")("flow-class", "4", "7", 30, 1.0, 2, 5, "cpu")
    recording = RUNS.get(value)
    found, frame = of_block(value["run"], "up1"), recording.frames[0]
    data = np.frombuffer(base64.b64decode(found["frames"][0]), np.uint8).reshape(2, 16, 14, 14)
    np.testing.assert_array_equal(data[1, 5], frame.maps["up1"][1, :, :, 5])
    view, *files = JOB.keep(value)
    assert len(files) == 3 and len(view["frames"]) == 3 and all(f["changes"] for f in view["frames"])
    restored = JOB.restore(files[1].value["path"])
    assert restored == ["flow-class", "4", "7", 30, 1.0, 2, 5]


def test_while_it_runs_the_newest_frame_is_given():
    run = JOB.handler("prompt")("flow-class", "4", "7", 30, 1.0, 30, 5, "cpu")
    first = next(run)
    assert first["running"] and len(first["frames"]) == 1 and first["frames"][0]["changes"]
    assert len(of_block(first["run"], "up1")["frames"]) == 1
    run.close()


@pytest.mark.parametrize(
    ("question", "what"),
    [
        (None, "no finished picture"),
        ({"run": "example-words", "block": "up1"}, "no run of The network"),
        ({"run": "example-network", "block": "up9"}, "no such block; there are enter"),
        ({"run": "example-network", "block": ["up1"]}, "no such block"),
        ({"run": ["example-network"], "block": "up1"}, "no finished picture"),
    ],
)
def test_a_wrong_question_for_maps_is_answered_in_one_sentence(question, what):
    assert job.JOB  # its example is there
    assert what in asked_maps(question)["words"]


@pytest.mark.parametrize(
    "question", [None, 5, {}, {"model": "pocket"}, {"model": "if-xl", "path": ""}, {"model": [], "path": ""}, {"model": "pocket", "path": "enter"}, {"model": "pocket", "path": "../x"}]
)  # fmt: skip
def test_a_wrong_question_for_a_drawing_is_answered_in_one_sentence(question):
    assert "There " in asked_drawing(question)["words"]


def test_parts_are_drawn_on_request():
    assert "Linear 10 → 128" in asked_drawing({"model": "flow-class", "path": "c1"})["svg"]
    assert network.diagram_of("pocket", "down.2.attention.words").count("data-node") == 3
