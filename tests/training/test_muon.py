"""Muon: steps along gradients made orthogonal."""

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import nn

from core.models.captions import LENGTH
from core.models.text_unet import TextUNet
from training.muon import RMS, Muon, orthogonal, split
from training.pocket_run import Recipe, optimisers

pytestmark = pytest.mark.slow


def matrix(rows: int, columns: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(16, 64), (64, 16), (32, 32)])
@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
def test_a_gradient_is_made_orthogonal(shape, size):
    g = matrix(*shape)
    u, _, vh = torch.linalg.svd(g, full_matrices=False)
    found = orthogonal(g * size).float()
    assert found.shape == shape
    inside = u.T @ found @ vh.T  # in the gradient's own directions: diagonal, near 1
    diagonal = inside.diagonal()
    assert diagonal.min() > 0.5 and diagonal.max() < 1.3
    assert (inside - diagonal.diag()).abs().max() < 0.1


def test_a_step_is_as_large_as_adams():
    p = nn.Parameter(torch.zeros(40, 90))
    p.grad = matrix(40, 90)
    Muon([p], lr=0.01, weight_decay=0.0).step()
    assert p.detach().square().mean().sqrt().item() == pytest.approx(0.01 * RMS, rel=0.25)
    assert (p.detach() * p.grad).sum() < 0


def test_weights_decay_on_their_own():
    p = nn.Parameter(torch.ones(20, 30))
    p.grad = torch.zeros(20, 30)
    Muon([p], lr=0.1, weight_decay=0.5).step()
    torch.testing.assert_close(p.detach(), torch.full((20, 30), 0.95))


def test_momentum_remembers():
    p = nn.Parameter(torch.zeros(20, 20))
    muon, first = Muon([p], lr=1.0, weight_decay=0.0), matrix(20, 20)
    p.grad = first
    muon.step()
    before, p.grad = p.detach().clone(), torch.zeros(20, 20)
    muon.step()
    assert ((p.detach() - before) * first).sum() < 0  # still downhill, with no gradient


def test_a_convolution_is_one_matrix():
    g = matrix(16, 18 * 9)
    flat, convolution = nn.Parameter(torch.zeros(16, 18 * 9)), nn.Parameter(torch.zeros(16, 18, 3, 3))
    flat.grad, convolution.grad = g, g.view(16, 18, 3, 3)
    for p in (flat, convolution):
        Muon([p], lr=0.1).step()
    assert torch.equal(flat.detach(), convolution.detach().flatten(1))


def test_every_parameter_has_one_optimiser():
    net = TextUNet(30, LENGTH, (16, 24, 32), 32)
    matrices, others = split(net, outside=12)
    assert sorted(map(id, matrices + others)) == sorted(map(id, net.parameters()))
    names = {id(p): name for name, p in net.named_parameters()}
    kept = {names[id(p)] for p in others}
    assert {
        "enter.weight",
        "leave.weight",
        "encoder.word.weight",
        "encoder.position",
        "middle.0.attention.place",
    } <= kept
    assert all(p.ndim in (2, 4) for p in matrices) and len(matrices) > 50
    assert not any(
        name.endswith(("bias", "place", "position")) or "norm" in name for name in map(names.get, map(id, matrices))
    )


def test_a_recipe_names_its_optimisers():
    net = TextUNet(30, LENGTH, (16, 24, 32), 32)
    assert list(optimisers(net, Recipe(optimiser="adamw"))) == ["adamw"]
    both = optimisers(net, Recipe())
    assert list(both) == ["muon", "adamw"]
    assert sum(len(g["params"]) for o in both.values() for g in o.param_groups) == len(list(net.parameters()))


def two_steps(params: list[nn.Parameter], **place: int) -> list[torch.Tensor]:
    muon = Muon(params, lr=0.1, **place)
    for seed in range(2):
        for i, p in enumerate(params):
            p.grad = matrix(*p.shape, 10 * seed + i)
        muon.step()
    return [p.detach().clone() for p in params]


def shared(rank: int, folder: str) -> None:
    """One of two processes."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    found = two_steps([nn.Parameter(torch.ones(14, 20 + i)) for i in range(3)], process=rank, processes=2)
    dist.destroy_process_group()
    save_file({str(i): value for i, value in enumerate(found)}, f"{folder}/{rank}.safetensors")


def test_two_processes_share_the_work_and_agree(tmp_path):
    torch.multiprocessing.spawn(shared, (str(tmp_path),), nprocs=2)
    alone = two_steps([nn.Parameter(torch.ones(14, 20 + i)) for i in range(3)])
    for rank in range(2):
        found = load_file(tmp_path / f"{rank}.safetensors")
        assert all(torch.equal(found[str(i)], value) for i, value in enumerate(alone))
