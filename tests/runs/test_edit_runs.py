"""The requests for SDEdit and inpainting: what is refused, what is run, and what it costs."""

import dataclasses
import json
from itertools import pairwise

import numpy as np
import pytest
import torch

from core.checks import ModelError, Refused
from core.diffusion.closed_form import Gaussian
from core.diffusion.denoiser import NETWORK_LOCK
from core.diffusion.guidance import bounded, guide
from core.diffusion.noise import generator, generators, randn
from core.diffusion.samplers import Step
from core.diffusion.schedule import Schedule
from core.diffusion.visits import visits_from
from core.models.registry import availability
from core.pictures import images, masks
from core.pictures.masks import soft
from core.runs import inpainting as fillings
from core.runs import sdedit as ladders
from core.runs.frame import Frame
from core.runs.inpainting import FILLINGS, Filling, InpaintRequest, in_turn
from core.runs.sdedit import LADDERS, TIMESTEPS, Ladder, SDEditRequest
from core.techniques.sdedit import sdedit

PIXELS = images.to_uint8(randn((1, 3, 4, 4), generator(1)), -1, 1)[0]
PICTURE = images.from_uint8(PIXELS[None], -1, 1)
HALF = np.array([255, 255, 0, 0], np.uint8).repeat(4).reshape(4, 4, 1)
"""New content above, known pixels below."""
pytestmark = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")


class Counted(Gaussian):
    """A closed-form model that counts its calls and the pictures in them, and takes prompts."""

    calls = 0
    pictures = 0

    def encode(self, prompts):
        """To each its own mean."""
        return super().encode([p and randn((3, 4, 4), generator(sum(map(ord, p)))) / 2 for p in prompts])

    def predict(self, x_t, t, cond):
        """As the Gaussian."""
        self.calls, self.pictures = self.calls + 1, self.pictures + len(x_t)
        return super().predict(x_t, t, cond)


@pytest.fixture
def model(monkeypatch):
    """A Gaussian in place of every model."""
    root = randn((48, 48), generator(3))
    toy = Counted(Schedule.cosine(1000), root @ root.T / 48 + 0.05 * torch.eye(48), (3, 4, 4))
    for module in (ladders, fillings):
        monkeypatch.setattr(module, "load", lambda name, device: toy)
    return toy


def last(steps) -> Step:
    *_, step = steps
    return step


def ladder(name: str, request: SDEditRequest) -> Ladder:
    """The plan of an experiment, from PICTURE; of several pictures the second is its negative."""
    inputs = {"original": PIXELS} | ({"original 2": 255 - PIXELS} if name == "several-pictures" else {})
    return dataclasses.replace(LADDERS[name](request), experiment=name, inputs=inputs).agreed()


def filling(name: str, request: InpaintRequest, original: np.ndarray = PIXELS, mask: np.ndarray = HALF) -> Filling:
    """The plan of an experiment, from PICTURE and half a mask."""
    plan = dataclasses.replace(FILLINGS[name](request), experiment=name, inputs={"original": original, "mask": mask})
    return plan.agreed()


@pytest.mark.parametrize("name", LADDERS)
def test_a_ladder_ends_every_row_with_the_picture_and_costs_what_it_says(model, name):
    plan = ladder(name, SDEditRequest.checked(starts="20, 1,5", n=2, prompt="a rose"))
    assert plan.starts == (1, 5, 20, 34) and plan.across[1:] == ["i = 5 · t = 840", "i = 20 · t = 390", "original"]
    result = last(plan.run()).x_t
    rows = result.view(len(plan.rows), 4, 3, 4, 4)
    pictures = images.from_uint8(np.stack([plan.inputs[name] for name in plan.originals]), -1, 1)
    assert torch.equal(rows[:, -1], pictures)
    calls, mean = plan.cost()
    assert model.calls == calls and model.pictures == round(calls * mean)
    distance = (rows[:, :-1] - pictures[:, None]).square().mean((0, 2, 3, 4))
    assert distance[0] > distance[-1], "less noise stays nearer to the picture"


def test_rows_of_one_seed_share_their_noise(model):
    start = next(iter(ladder("with-and-without", SDEditRequest.checked(starts="3, 9")).run()))
    assert torch.equal(start.x_t[:3], start.x_t[3:])
    start = next(iter(ladder("ladder", SDEditRequest.checked(starts="3, 9", n=2)).run()))
    assert not torch.equal(start.x_t[:2], start.x_t[3:5])


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_a_row_with_one_of_several_prompts_is_the_ladder_with_that_prompt(model, sampler):
    asked, prompts = {"starts": "3, 20", "sampler": sampler}, ("a rose", "the sea", "a cat")
    together = last(ladder("several-prompts", SDEditRequest(prompts="\n".join(prompts), **asked)).run()).x_t
    for row, prompt in zip(together.view(3, 3, 3, 4, 4), prompts, strict=True):
        alone = last(ladder("ladder", SDEditRequest(prompt=prompt, **asked)).run()).x_t
        torch.testing.assert_close(row, alone, atol=1e-5, rtol=0)


def test_each_row_of_several_pictures_is_the_ladder_of_that_picture_alone(model):
    request = SDEditRequest(prompt="a rose", starts="3, 9", seed=7)
    plan = ladder("several-pictures", request)
    together = last(plan.run()).x_t
    for k, pixels in enumerate((PIXELS, 255 - PIXELS)):
        alone = last(dataclasses.replace(ladder("ladder", request), inputs={"original": pixels}).run()).x_t
        torch.testing.assert_close(together[3 * k : 3 * k + 3], alone)
    assert plan.down == ["picture 1", "picture 2"] and plan.original_of(4) == "original 2"
    with pytest.raises(Refused, match="Put a second picture"):
        dataclasses.replace(plan, inputs={"original": PIXELS}).agreed()


@pytest.mark.parametrize(("sampler", "eta"), [("ddim", 0.0), ("ddpm", 1.0)])
def test_a_ladder_is_sdedit_with_the_request_s_prompt_and_sampler(model, sampler, eta):
    request = SDEditRequest(prompt="a rose", starts="3, 20", sampler=sampler, guidance=2.0, seed=5)
    guided = bounded(guide(model, 2.0))
    source = [generator(5) for _ in range(3)]
    visits = visits_from(TIMESTEPS, (3, 20, 34))
    expected = sdedit(guided, PICTURE, visits, guided.encode(["a rose"] * 3), source, eta)
    assert torch.equal(last(ladder("ladder", request).run()).x_t, last(expected).x_t)


def test_all_rungs_of_a_row_begin_with_the_noise_of_its_seed(model):
    start = next(iter(ladder("ladder", SDEditRequest(starts="3, 9, 20", n=2, seed=5)).run()))
    eps = model.schedule.eps(start.x_t, start.t, PICTURE).view(2, 4, 3, 4, 4)[:, :3]  # the picture itself has none
    torch.testing.assert_close(eps, randn((2, 3, 4, 4), generators(5, 2))[:, None].expand_as(eps), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["once-and-often", "two-pastes"])
def test_all_ways_to_fill_start_from_the_same_noises(model, name):
    plan = filling(name, InpaintRequest(steps=4, jump_length=2, n=2, seed=5))
    steps = list(plan.run())
    second = next(s for s in steps if plan.begun(s.i) == 4)
    assert torch.equal(steps[0].x_t[:2], randn((2, 3, 4, 4), generators(5, 2)))
    assert torch.equal(second.x_t[2:], steps[0].x_t[:2])


def test_known_pixels_are_clean_on_the_way_in_a_clean_paste_alone(model):
    plan = filling("two-pastes", InpaintRequest(steps=4, jump_length=2))
    steps = list(plan.run())
    assert plan.rows == ("RePaint", "clean paste")
    for row, begins in enumerate((0, steps[-1].n // 2)):
        known = steps[begins + 1].x_t[row, :, 2:]
        assert torch.equal(known, PICTURE[0, :, 2:]) == (plan.rows[row] == "clean paste")


def test_a_filling_hangs_on_its_prompt(model):
    request = InpaintRequest(steps=4, jump_n=1)
    none, rose, sea = (
        last(filling("fill", dataclasses.replace(request, prompt=prompt)).run()).x_t
        for prompt in ("", "a rose", "the sea")
    )
    for a, b in ((none, rose), (none, sea), (rose, sea)):
        assert (a - b).abs().max() > 0.05


@pytest.mark.parametrize("name", FILLINGS)
@pytest.mark.parametrize("prompt", ["", "a rose"])
def test_a_filling_keeps_the_known_pixels_and_costs_what_it_says(model, name, prompt):
    plan = filling(name, InpaintRequest.checked(prompt=prompt, steps=8, jump_length=3, jump_n=2, n=2))
    steps = list(plan.run())
    result = steps[-1].x_t
    assert [s.i for s in steps] == list(range(steps[-1].n + 1))
    assert len(result) == len(plan.rows)
    assert torch.equal(result[..., 2:, :], PICTURE[..., 2:, :].expand(len(result), -1, -1, -1))
    assert not torch.equal(result[0, :, :2], PICTURE[0, :, :2])
    calls, each = plan.cost()
    assert (model.calls, model.pictures) == (calls, calls * each)


def test_what_lies_under_the_mask_plays_no_part(model):
    mask, other = np.zeros((4, 4, 1), np.uint8), PIXELS.copy()
    mask[1:3, 1:3], other[1:3, 1:3] = 255, 255
    request = InpaintRequest.checked(steps=6, jump_length=2)
    one, two = (last(filling("fill", request, original, mask).run()).x_t for original in (PIXELS, other))
    assert not np.array_equal(PIXELS, other) and torch.equal(one, two)


def test_the_papers_setting():
    r = InpaintRequest.checked(steps=250, jump_length=10, jump_n=10)
    assert len(r.visits()) - 1 == 4570 and filling("fill", r).cost()[0] == 2410
    assert filling("once-and-often", r).cost()[0] == 2410 + 250


def test_resampling_starts_where_it_is_told():
    late = InpaintRequest.checked(jump_n=3, below=400).visits()
    top = max(b for a, b in pairwise(late) if b > a)
    assert top <= 400 < max(late)
    assert len(InpaintRequest.checked(jump_n=3, below=0).visits()) == 31


@pytest.mark.parametrize(
    ("name", "asked", "sentence"),
    [
        ("fill", {"steps": 10}, "needs more than 10 steps, but there are 10: raise the steps, or lower the jump"),
        ("fill", {"steps": 1, "jump_length": 1}, "needs more than 1 step, but there is 1: raise the steps, or set"),
        ("fill", {"below": 200}, "but at t = 200 or below there are 6: raise the t where resampling starts"),
        ("fill", {"below": 300, "jump_length": 9}, "but at t = 300 or below there are 9:"),
        ("fill", {"below": 300, "steps": 5}, "but there are 5: raise the steps"),
        ("two-pastes", {"below": 0}, "but at t = 0 or below there are 0:"),
        ("once-and-often", {"steps": 10, "jump_n": 1}, "needs more than 10 steps"),
    ],
)
def test_resampling_that_would_be_none_is_refused(name, asked, sentence):
    with pytest.raises(Refused, match=sentence) as error:
        filling(name, InpaintRequest.checked(**asked))
    assert ("Resampling n to 1" in str(error.value)) == (name != "once-and-often"), "five passes are its point"


def test_resampling_is_refused_only_where_it_would_be_none():
    for name in FILLINGS:
        for jump_n in (1, 2):
            request = InpaintRequest(jump_n=jump_n)
            assert filling(name, request).request is request
    for asked in ({"steps": 11}, {"below": 366}, {"below": 300, "jump_length": 8}, {"steps": 2, "jump_length": 1}):
        request = InpaintRequest.checked(**asked)
        assert request.visits() != request.visits(1)
        assert filling("once-and-often", request).ways[1][1] == 5
    assert filling("fill", InpaintRequest.checked(steps=1, jump_n=1, below=0)).cost()[0] == 1


def test_a_way_waits_in_grey_until_it_begins(model):
    plan = filling("once-and-often", InpaintRequest.checked(steps=4, jump_length=2, n=2))
    begun = []
    for step in plan.run():
        begun.append(plan.begun(step.i))
        for x in (step.x_t, step.x_0):
            grey = [bool((p == images.WAITING).all()) for p in images.to_uint8(x, -1, 1)]
            assert grey == [k >= begun[-1] for k in range(4)]
    assert begun[:4] == [2] * 4 and set(begun[4:]) == {4}


def test_runs_in_turn_are_one_run():
    runs = [[Step(i, n, torch.tensor([n - i]), torch.full((1, 1), k), torch.full((1, 1), -k)) for i in range(n + 1)]
            for k, n in ((1, 2), (2, 3))]  # fmt: skip
    steps = list(in_turn([iter(r) for r in runs], [2, 3], torch.zeros(1, 1)))
    assert [s.i for s in steps] == [0, 1, 2, 3, 4, 5] and {s.n for s in steps} == {5}
    assert steps[0].x_t.tolist() == [[1], [0]] and steps[-1].x_t.tolist() == [[1], [2]]
    assert steps[-1].x_0.tolist() == [[-1], [-2]]


@pytest.mark.parametrize("request_type", [SDEditRequest, InpaintRequest])
def test_settings_travel_and_come_back(request_type):
    request = request_type.checked(prompt="  a   rose ", seed=7)
    settings = json.loads(json.dumps(request.settings()))
    known = {f.name: settings[f.name] for f in dataclasses.fields(request_type)}
    assert request_type.checked(**known) == request and request.prompt == "a rose"


NAN = float("nan")


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"starts": "one, two"}, "Every start i must be a whole number from 0 to 33"),
        ({"starts": "34"}, "Every start i"),
        ({"starts": "-1"}, "Every start i"),
        ({"starts": "1.5"}, "Every start i"),
        ({"starts": "nan"}, "Every start i"),
        ({"starts": ""}, "Give 1 to 8 starts"),
        ({"starts": None}, "Give 1 to 8 starts"),
        ({"starts": [1, 3]}, "Give 1 to 8 starts"),
        ({"starts": "1,2,3,4,5,6,7,8,9"}, "Give 1 to 8 starts"),
        ({"starts": "3, 3"}, "only once"),
        ({"prompts": "a\nb\nc\nd\ne"}, "at most 4 prompts"),
        ({"prompts": 3}, "prompts must be text"),
        ({"guidance": NAN}, "guidance must be a number from 0 to 20"),
        ({"n": 5}, "number of seeds must be a whole number from 1 to 4"),
        ({"sampler": ["ddim"]}, "sampler must be one of"),
        ({"seed": True}, "seed must be a whole number"),
        ({"prompt": {}}, "prompt must be text"),
    ],
)
def test_bad_ladders(bad, sentence):
    with pytest.raises(ValueError, match=sentence):
        SDEditRequest.checked(**bad)


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"steps": 0}, "number of steps must be a whole number from 1 to 250"),
        ({"steps": NAN}, "number of steps"),
        ({"jump_n": 11}, "number of passes n must be a whole number from 1 to 10"),
        ({"jump_length": 0}, "jump length must be a whole number from 1 to 50"),
        ({"below": 1001}, "t where resampling starts"),
        ({"feather": 9}, "feather must be a whole number from 0 to 8"),
        ({"guidance": "strong"}, "guidance must be a number"),
        ({"n": None}, "number of seeds"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"prompt": ["a"]}, "prompt must be text"),
    ],
)
def test_bad_fillings(bad, sentence):
    with pytest.raises(ValueError, match=sentence):
        InpaintRequest.checked(**bad)


@pytest.mark.parametrize("request_type", [SDEditRequest, InpaintRequest])
def test_models_that_do_not_draw_are_refused(request_type):
    with pytest.raises(ModelError, match="does not draw from a prompt"):
        request_type.checked(model="flow-class")


def test_experiments_that_need_prompts_say_so():
    with pytest.raises(ValueError, match="Give a prompt"):
        ladder("with-and-without", SDEditRequest.checked(prompt=" "))
    with pytest.raises(ValueError, match="Give 1 to 4 prompts"):
        ladder("several-prompts", SDEditRequest.checked(prompts=" \n "))


def test_a_mask_must_leave_something_even_after_feathering():
    full, nearly = torch.ones(1, 1, 64, 64), torch.ones(1, 1, 64, 64)
    nearly[..., 0] = 0
    for mask, feather, sentence in ((full * 0, 0, "empty"), (full, 0, "everything"), (nearly, 8, "everything")):
        with pytest.raises(ValueError, match=sentence):
            soft(mask, feather)
    assert torch.equal(soft(masks.centre_square(), 0), masks.centre_square())
    assert TIMESTEPS[0] == 990 and len(TIMESTEPS) == 34 and not NETWORK_LOCK.locked()


def test_a_strength_that_has_not_begun_is_grey():
    plan = ladder("ladder", SDEditRequest(starts="5, 20"))
    noise = np.random.default_rng(0).integers(0, 200, (3, 64, 64, 3), np.uint8)
    for i, grey in ((0, [False, True, False]), (14, [False, True, False]), (15, [False] * 3), (29, [False] * 3)):
        estimates, states = plan.lanes(Frame(i, 29, 0, noise, noise))
        assert [bool((p == images.WAITING).all()) for p in estimates] == grey
        assert np.array_equal(states, noise) and np.array_equal(estimates[0], noise[0])


# ---- words, rows and files ----


def test_a_ladder_is_laid_out_and_named_row_by_row():
    plan = ladder("several-prompts", SDEditRequest(prompts="a rose\na lion", starts="3, 9", seed=7))
    assert (plan.columns, plan.count, plan.beside, plan.down) == (3, 6, 1, ["a rose", "a lion"])
    assert plan.ours == [0, 1, 3, 4], "the originals are not the model's"
    assert plan.name == "sdedit-several-prompts-pocket-seed-7"
    assert plan.titles == [f"row-{r}-{column}" for r in (1, 2) for column in ("i-3", "i-9", "original")]
    assert plan.caption == "pocket: 2 prompts; DDIM from t = 990 - 30 i; guidance 3; seed 7."
    noise = np.random.default_rng(0).integers(0, 200, (6, 8, 8, 3), np.uint8)
    tiles = plan.tiles(Frame(0, 31, 900, noise, noise))
    assert [name for name, p in tiles if (p == images.WAITING).all()] == ["row-1-i-9", "row-2-i-9"]
    assert ladder("ladder", SDEditRequest()).down == [] and ladder("ladder", SDEditRequest(n=2)).down[1] == "seed 181"


def test_a_row_of_a_filling_is_the_original_the_mask_the_hole_the_state_and_the_estimate():
    plan = filling("two-pastes", InpaintRequest(seed=7))
    x_t, x_0 = np.random.default_rng(0).integers(0, 200, (2, 2, 4, 4, 3), np.uint8)
    frame = Frame(0, plan.cost()[0], 999, x_t, x_0)
    (lane,) = plan.lanes(frame)
    mask = HALF.repeat(3, -1)
    expected = [PIXELS, mask, masks.hole_of(PIXELS, HALF), x_t[0], x_0[0]]
    assert (plan.columns, plan.count, plan.beside, plan.down) == (5, 10, 1, ("RePaint", "clean paste"))
    assert all(np.array_equal(a, b) for a, b in zip(lane[:5], expected, strict=True))
    assert np.array_equal(lane[8:], [x_t[1], x_0[1]]) and plan.sheet(frame).shape == (8, 20, 3)
    assert [name for name, _ in plan.tiles(frame)] == ["result-1", "original", "mask", "hole"]
    assert plan.name == "inpainting-two-pastes-pocket-seed-7"
    hole = masks.hole_of(PIXELS, HALF)
    assert np.array_equal(hole[2:], PIXELS[2:]) and set(hole[:2].ravel().tolist()) <= {205, 240}


@pytest.mark.parametrize(
    ("plan", "names"),
    [
        (ladder("several-prompts", SDEditRequest(seed=7)), ["original"]),
        (ladder("several-pictures", SDEditRequest(seed=7)), ["original", "original 2"]),
        (filling("two-pastes", InpaintRequest(seed=7)), ["original", "mask"]),
    ],
)
def test_a_saved_picture_carries_the_request_the_experiment_and_the_pictures(plan, names):
    settings = json.loads(json.dumps(plan.settings()))
    fields = [f.name for f in dataclasses.fields(plan.request)]
    assert list(settings) == ["app", "kind", *fields, "experiment", *names]
    assert type(plan.request).restored(settings) == plan.request
    for name in names:
        assert np.array_equal(images.unpacked(settings[name], 4)[..., :1], plan.inputs[name][..., :1])


def test_a_filling_from_a_saved_mask_is_the_same(model):
    """The mask in a file has three channels."""
    request = InpaintRequest(steps=4, jump_n=1)
    one, two = (last(filling("fill", request, mask=mask).run()).x_t for mask in (HALF, HALF.repeat(3, -1)))
    assert torch.equal(one, two)


def test_a_mask_that_leaves_nothing_is_refused_before_a_run():
    for mask, sentence in ((HALF * 0, "The mask is empty"), (HALF * 0 + 255, "covers everything")):
        with pytest.raises(Refused, match=sentence):
            filling("fill", InpaintRequest(), mask=mask)
