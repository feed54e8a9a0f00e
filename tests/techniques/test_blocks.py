"""The graph of a network as its calls show it, and what its blocks put out."""

import pytest
import torch
from torch import nn
from toys import tiny_pocket

from core.models.mnist import Digits
from core.models.mnist_unet import FCBlock, UNet
from core.techniques.blocks import Outputs, change, normalised
from core.techniques.network_graph import Graph, graph_of


def digits(**how) -> Digits:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Digits(UNet(4, **how).eval().requires_grad_(False), "ddpm")


def traced(model) -> Graph:
    x, t = torch.zeros(1, *model.shape), torch.zeros(1, dtype=torch.long)
    return graph_of(model.net, lambda watch: model.watching(watch).predict(x, t, model.encode([None])))


def called(net: nn.Module, *given: torch.Tensor) -> Graph:
    def call(watch):
        with torch.no_grad(), watch(net):
            net(*given)

    return graph_of(net, call)


def sources(graph: Graph) -> dict[str, tuple[str, ...]]:
    """Module -> its sources, operations by their titles and what they are given."""
    titles = {n.name: n.title if n.kind == "operation" else n.name for n in graph.nodes}
    return {n.name: tuple(titles[s] for s in n.sources) for n in graph.nodes if n.kind != "operation"}


def test_the_courses_network_is_found_with_its_skips_and_conditions():
    graph = traced(digits(time=True, classes=10))
    assert sources(graph) == {
        "in:x": (), "in:t": (), "in:c": (), "enter": ("in:x",), "down1": ("enter",), "down2": ("down1",),
        "flatten": ("down2",), "unflatten": ("flatten",), "c1": ("in:c",), "t1": ("in:t",), "up1": ("concat",),
        "c2": ("in:c",), "t2": ("in:t",), "up2": ("concat",), "leave.0": ("concat",), "leave.1": ("leave.0",),
    }  # fmt: skip
    joins = [(n.title, n.sources, n.shape) for n in graph.nodes if n.kind == "operation"]
    names = {n.name: n for n in graph.nodes}
    assert [title for title, *_ in joins] == ["×", "+", "concat", "×", "+", "concat", "concat"]
    assert [s[-1] for title, s, _ in joins if title == "concat"] == ["down2", "down1", "enter"]
    assert joins[0][1] == ("c1", "unflatten") and joins[1][1][1] == "t1" and joins[2][2] == (16, 7, 7)
    assert graph.output == "leave.1" and names["leave.1"].shape == (1, 28, 28)
    assert [names[n].title for n in ("enter", "down1", "flatten", "unflatten", "up1", "c1", "leave.1")] == [
        "ConvBlock", "DownBlock", "Flatten", "Unflatten", "UpBlock", "FCBlock", "Conv 3×3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("how", "inputs"), [({}, ["in:x"]), ({"time": True}, ["in:x", "in:t"]), ({"classes": 10}, ["in:x", "in:c"])]
)
def test_what_a_network_does_not_read_is_no_input(how, inputs):
    graph = traced(digits(**how))
    assert [n.name for n in graph.nodes if n.kind == "input"] == inputs


@pytest.mark.parametrize("model", [digits(time=True, classes=10), tiny_pocket()], ids=["digits", "pocket"])
def test_every_weight_is_in_one_block(model):
    graph = traced(model)
    encoder = sum(p.numel() for p in model.net.encoder.parameters()) if hasattr(model.net, "encoder") else 0
    assert sum(n.weights for n in graph.modules) + encoder == sum(p.numel() for p in model.net.parameters())
    for node in graph.modules:
        if node.inside:
            inner = sum(n.weights for n in node.inside.nodes)
            assert inner == node.weights, node.name


def test_the_words_are_read_where_there_is_attention():
    graph = traced(tiny_pocket())
    nodes = {n.name: n for n in graph.nodes}
    reads = {name: "in:text" in n.sources for name, n in nodes.items() if n.title == "Stage"}
    assert reads["down.0"] is False and reads["down.2"] and reads["up.0"]
    embedding = next(s for s in nodes["down.0"].sources if s.startswith("silu"))
    assert {"in:t", "in:text"} <= {n.name for n in graph.nodes if embedding in graph.reached(n.name)}
    assert nodes["caption"].sources == ("in:text",) and nodes["time"].sources == ("in:t",)
    skips = [n.sources[1] for n in graph.nodes if n.title == "concat"]
    assert skips == ["down.4", "down.3", "down.2", "down.1", "down.0", "enter"]


def test_the_parts_of_a_block_are_found_down_to_its_layers():
    graph = traced(tiny_pocket())
    attention = graph.at("down.2.attention.words")
    assert [n.title for n in attention.nodes if n.kind == "operation"] == ["attention"]
    res = graph.at("down.2.res")
    assert sources(res)["emb"] == ("in:emb",) and [n.title for n in res.nodes if n.title in "×+"] == ["×", "+", "+"]
    assert graph.at("") is graph and graph.at("down.2.nothing") is None and graph.at("enter.0") is None
    assert [n.title for n in called(FCBlock(10, 8), torch.zeros(1, 10)).modules] == [
        "Linear 10 → 8", "GELU", "Linear 8 → 8", "Unflatten",
    ]  # fmt: skip


def test_a_block_without_a_name_is_called_by_its_layers_and_others_as_they_are():
    net = nn.ModuleDict({"up": nn.ModuleList([nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(1, 1, 3, 2, 1))])})
    net.forward = lambda x: net["up"][0](x)
    assert [n.title for n in called(net, torch.zeros(1, 1, 4, 4)).modules] == ["Upsample ×2, Conv 3×3, stride 2"]


@pytest.mark.parametrize("model", [digits(time=True, classes=10), tiny_pocket()], ids=["digits", "pocket"])
def test_watching_changes_no_bit_and_leaves_nothing_behind(model):
    g = torch.Generator().manual_seed(0)
    x, t = torch.randn(3, *model.shape, generator=g), torch.tensor([5, 60, 100])
    cond = model.encode([None, 3, 4] if isinstance(model, Digits) else ["a rose", "", "a penguin"])
    names = [n.name for n in traced(model).modules]
    outputs = Outputs(names, rows=2)
    on, off = (m.predict(x, t, cond) for m in (model.watching(outputs), model))
    assert torch.equal(on.x_0, off.x_0) and torch.equal(on.eps, off.eps)
    found = outputs.take()
    assert [*found] and {*found} == {*names} and all(len(v) == 2 for v in found.values()) and not outputs.take()
    model.predict(x, t, cond)
    assert not outputs.found
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.net.modules())
    if isinstance(model, Digits):  # its last layer's output is the noise estimate
        assert torch.equal(found["leave.1"], off.eps[-2:])


def test_hooks_are_gone_after_a_failure():
    model = digits(time=True)
    with pytest.raises(ZeroDivisionError):
        graph_of(model.net, lambda watch: fails(watch(model.net)))
    with pytest.raises(ZeroDivisionError):
        fails(Outputs(["enter"], 1)(model.net))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.net.modules())


def fails(around):
    with around:
        raise ZeroDivisionError


def test_maps_go_from_the_least_to_the_most_of_both_rows():
    pair = torch.arange(2 * 20 * 3 * 3).view(2, 20, 3, 3).float()
    maps = normalised(pair, 16)
    assert maps.shape == (2, 16, 3, 3) and maps.dtype == torch.uint8
    assert maps.amin((0, 2, 3)).tolist() == [0] * 16 and maps.amax((0, 2, 3)).tolist() == [255] * 16
    assert (maps[1].int() - maps[0] > 200).all()
    assert normalised(torch.ones(2, 3, 4, 4), 16).eq(0).all(), "an even map is black, not NaN"
    assert normalised(torch.randn(2, 64, 1, 1), 16).shape == (2, 1, 4, 16)
    assert normalised(torch.randn(2, 10), 16).shape == (2, 1, 1, 10)


def test_a_change_is_measured_against_the_size_of_the_first():
    a = torch.tensor([[3.0, 4.0]])
    assert change(torch.cat([a, a])) == 0
    assert change(torch.cat([a, 2 * a])) == pytest.approx(1)
    assert change(torch.cat([a, a + torch.tensor([[0.0, 1.0]])])) == pytest.approx(0.2)
