"""Pictures between two noises."""

import pytest
import torch
from toys import tiny_pocket

from core.checks import Refused
from core.diffusion.noise import generators, randn
from core.runs import interpolation
from core.runs.interpolation import PLANS, InterpolationRequest, between, both_ways
from core.runs.sampling import draw


@pytest.fixture(autouse=True)
def pocket(monkeypatch):
    """A tiny pocket in the place of the shipped one."""
    pocket = tiny_pocket()
    monkeypatch.setattr(interpolation, "load", lambda name, device="auto": pocket)
    return pocket


def result(steps) -> torch.Tensor:
    """The last state of a run."""
    *_, last = steps
    return last.x_t


@pytest.mark.slow
def test_the_ends_are_the_pictures_of_their_seeds(pocket):
    r = InterpolationRequest("a rose", columns=3, steps=4, seed=5, other=9)
    row = result(between(r).run())
    for k, seed in ((0, 5), (2, 9)):
        torch.testing.assert_close(row[k : k + 1], result(draw(pocket, ["a rose"], 3.0, 4, seed)), atol=1e-4, rtol=0)


def test_both_ways_share_their_ends_alone():
    r = InterpolationRequest(columns=5, steps=3)
    plan = both_ways(r)
    noises = plan.noises((3, 8, 8)).unflatten(0, (2, 5))
    torch.testing.assert_close(noises[0, [0, 4]], noises[1, [0, 4]])
    torch.testing.assert_close(noises[0, [0]], randn((1, 3, 8, 8), generators(r.seed, 1)))
    assert not torch.allclose(noises[0, 2], noises[1, 2], atol=0.1)
    assert plan.count == 10 and len(plan.across) == 5 and len(plan.down) == 2


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize(("guidance", "halves"), [(0.0, 1), (1.0, 1), (3.0, 2)])
def test_the_announced_calls_are_those_that_are_made(name, guidance, halves, pocket):
    made = []
    pocket.net.register_forward_hook(lambda net, args, out: made.append(len(args[0])))
    plan = PLANS[name](InterpolationRequest(columns=2, steps=3, guidance=guidance))
    assert len(result(plan.run())) == plan.count
    assert made == [halves * plan.count] * 3 and plan.cost() == (3, halves * plan.count)


@pytest.mark.parametrize("way", ["slerp", "lerp"])
def test_ddpm_adds_the_same_noise_to_all_so_equal_ends_give_equal_pictures(way):
    row = result(between(InterpolationRequest(columns=3, steps=4, sampler="ddpm", seed=5, other=5, way=way)).run())
    assert row.isfinite().all()
    torch.testing.assert_close(row[0], row[2], atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("values", "what"),
    [({"columns": 1}, "number of pictures|pictures must be"), ({"way": "zigzag"}, "must be one of slerp, lerp"),
     ({"other": -1}, "seed of the last noise")],
)  # fmt: skip
def test_bad_values_are_refused(values, what):
    with pytest.raises(Refused, match=what):
        InterpolationRequest.checked(**values)


@pytest.mark.slow
def test_with_two_prompts_the_ends_are_the_pictures_of_their_prompts(pocket):
    r = InterpolationRequest("a rose", last="a blue bird", columns=3, steps=4, seed=5, other=5)
    row = result(between(r).run())
    for k, prompt in ((0, "a rose"), (2, "a blue bird")):
        torch.testing.assert_close(row[k : k + 1], result(draw(pocket, [prompt], 3.0, 4, 5)), atol=1e-4, rtol=0)
    assert not torch.allclose(row[1], row[0], atol=0.02) and not torch.allclose(row[1], row[2], atol=0.02)


def test_between_two_prompts_the_encoded_prompts_are_on_the_straight_line(pocket):
    plan = both_ways(InterpolationRequest("a rose", last="a blue bird", columns=5))
    first, last = pocket.encode(["a rose", "a blue bird"])
    cond = plan.conditions(first, last)
    assert len(cond) == 10 and torch.equal(cond[:5], cond[5:])
    torch.testing.assert_close(cond[2], (first + last) / 2)


def test_the_last_picture_has_the_last_prompt_and_two_prompts_name_no_picture():
    one = between(InterpolationRequest("a rose", columns=3, seed=5, other=9))
    two = between(InterpolationRequest("a rose", last="a lemon", columns=3, seed=5, other=9))
    assert [two.made_from(k) for k in range(3)] == [("a rose", 5), ("a rose", 5), ("a lemon", 9)]
    assert one.made_from(2) == ("a rose", 9)
    assert one.subject == "a rose" and two.subject == ""
