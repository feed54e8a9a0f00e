"""Pocket-up: the contract, what it keeps of the small picture, where its noise comes from, what it refuses."""

import hashlib
import json

import pytest
import torch
from safetensors.torch import save_file
from toys import lively

from core.checks import ModelError, Refused
from core.diffusion.noise import generators
from core.models.pocket_upsampler import LOW, MOST_NOISE, SHAPE, PocketUp, condition, upsample, upsampled
from core.models.registry import MODELS, availability, load
from core.models.upsampler_unet import SCHEDULE, UpsamplerUNet, shrink, smooth, spread

TINY = {"widths": (8, 8, 8), "depths": (1, 1, 1, 1, 1)}
SHIPPED = pytest.mark.skipif(not availability("pocket-up")[0], reason="pocket-up is not in checkpoints/")


def tiny(seed: int = 0) -> PocketUp:
    """A pocket-up in which every weight matters."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return PocketUp(lively(UpsamplerUNet(**TINY), seed))


def low(n: int = 1, seed: int = 0) -> torch.Tensor:
    """n small pictures (n, 3, 64, 64) in [-0.5, 0.5], smooth, so that nothing is clamped."""
    g = torch.Generator().manual_seed(seed)
    return torch.nn.functional.interpolate(torch.rand(n, 3, 8, 8, generator=g) - 0.5, size=64, mode="bilinear")


def test_it_answers_as_every_denoiser_does():
    model, x_t = tiny(), torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(1))
    t, cond = torch.tensor([999, 300]), condition(low(2), 0.2, generators(0, 2))
    p = model.predict(x_t, t, cond)
    assert model.shape == SHAPE and model.schedule is SCHEDULE and cond.shape == (2, 4, 64, 64)
    assert p.x_0.shape == p.eps.shape == x_t.shape and p.v is None and p.x_0.abs().max() <= 1
    assert torch.allclose(SCHEDULE.forward(p.x_0, t, p.eps), x_t, atol=1e-4)
    apart = torch.cat([model.predict(x_t[i : i + 1], t[i : i + 1], cond[i : i + 1]).x_0 for i in range(2)])
    assert torch.allclose(apart, p.x_0, atol=1e-5)


def test_time_condition_and_its_noise_all_matter():
    model, x = tiny(), torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(1))
    asked = lambda t=300, pictures=None, noise=0.0: (  # noqa: E731
        model.predict(
            x, torch.tensor([t]), condition(low() if pictures is None else pictures, noise, generators(0, 1))
        ).x_0
    )
    for other in (asked(t=700), asked(pictures=low(seed=5)), asked(noise=0.3)):
        assert (other - asked()).abs().max() > 1e-3


def test_smooth_has_the_means_that_it_was_given():
    assert torch.allclose(shrink(smooth(low())), low(), atol=1e-5)
    assert torch.allclose(shrink(spread(low())), low(), atol=1e-6)


@pytest.mark.parametrize("steps", [1, 4])
def test_a_clean_small_picture_is_found_again_in_the_large_one(steps):
    made = upsampled(tiny(), low(2), 0.0, steps, generators(3, 2))
    inside = made.abs().amax(1, keepdim=True) < 0.999  # where nothing was clamped
    whole = shrink(inside.float()) == 1
    assert made.shape == (2, *SHAPE) and whole.float().mean() > 0.9
    assert ((shrink(made) - low(2)).abs() * whole).max() < 1e-4


def test_a_seed_gives_the_same_picture_alone_and_in_a_batch():
    model, pictures = tiny(), low(2)
    torch.manual_seed(1)
    both = upsampled(model, pictures, 0.2, 2, generators(7, 2))
    torch.manual_seed(2)  # the global generator is not asked
    assert torch.equal(both, upsampled(model, pictures, 0.2, 2, generators(7, 2)))
    assert torch.allclose(both[1:], upsampled(model, pictures[1:], 0.2, 2, generators(8, 1)), atol=1e-4)
    assert (both[:1] - upsampled(model, pictures[:1], 0.2, 2, generators(9, 1))).abs().max() > 1e-3


def test_it_is_watched_step_by_step_without_gradients():
    steps = list(upsample(tiny(), low(), 0.1, 4, generators(0, 1)))
    assert [s.i for s in steps] == [0, 1, 2, 3, 4] and steps[0].t.item() == 999 and steps[-1].t.item() == -1
    assert not any(s.x_0.requires_grad for s in steps)


@pytest.mark.parametrize(
    ("pictures", "noise", "steps", "sentence"),
    [
        (torch.zeros(1, 3, 32, 32), 0.0, 4, "Only pictures of 64 x 64"),
        (torch.zeros(1, 1, 64, 64), 0.0, 4, "Only pictures of 64 x 64"),
        (torch.zeros(*LOW), 0.0, 4, "Only pictures of 64 x 64"),
        (torch.zeros(1, *LOW), MOST_NOISE + 0.1, 4, "noise on the small picture must be a number from 0 to 0.5"),
        (torch.zeros(1, *LOW), float("nan"), 4, "noise on the small picture"),
        (torch.zeros(1, *LOW), 0.0, 0, "number of steps must be a whole number from 1 to 8"),
        (torch.zeros(1, *LOW), 0.0, 9, "number of steps"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(pictures, noise, steps, sentence):
    with pytest.raises(Refused, match=sentence) as refused:
        upsample(tiny(), pictures, noise, steps, generators(0, 1))
    assert str(refused.value).count(". ") == 0 and str(refused.value).endswith(".")


def test_encode_takes_pictures_without_noise():
    pictures = low(2)
    assert torch.equal(tiny().encode(list(pictures)), condition(pictures, 0.0))
    unknown = tiny().encode([None])
    assert unknown.shape == (1, 4, 64, 64) and not unknown[:, :3].any() and (unknown[:, 3] == MOST_NOISE).all()


def checkpoint(folder, model: PocketUp):
    """A checkpoint as `core.models.registry` reads it."""
    out = folder / "pocket-up"
    out.mkdir()
    file = out / "weights.safetensors"
    save_file({k: v.half().contiguous() for k, v in model.net.state_dict().items()}, file)
    sums = {file.name: hashlib.sha256(file.read_bytes()).hexdigest()}
    (out / "card.json").write_text(json.dumps({"name": "pocket-up", "architecture": TINY, "sha256": sums}))
    return file


def test_the_registry_loads_it_and_compares_its_checksum(tmp_path):
    model = tiny()
    file = checkpoint(tmp_path, model)
    loaded = load("pocket-up", "cpu", tmp_path)
    assert isinstance(loaded, PocketUp) and availability("pocket-up", tmp_path) == (True, "Ready.")
    made, again = (upsampled(m, low(), 0.0, 1, generators(0, 1)) for m in (model, loaded))
    assert torch.allclose(made, again, atol=0.02)
    other = tmp_path / "other"
    (other / "pocket-up").mkdir(parents=True)
    (other / "pocket-up" / "card.json").write_bytes((file.parent / "card.json").read_bytes())
    (other / "pocket-up" / file.name).write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="damaged"):
        load("pocket-up", "cpu", other)


def test_it_is_one_of_the_models():
    assert MODELS["pocket-up"].enlarges == 64 and MODELS["pocket-up"].command == "training.train_upsampler"


@SHIPPED
def test_the_shipped_one_is_small_sharper_than_bicubic_and_leaves_white_white():
    model = load("pocket-up", "cpu")
    y, x = torch.meshgrid(torch.arange(256), torch.arange(256), indexing="ij")
    disc = ((y - 120.3) ** 2 + (x - 131.7) ** 2 < 70**2).float()
    true = (1 - disc * torch.tensor([0.2, 1.4, 1.8])[:, None, None])[None]
    made = upsampled(model, shrink(true), 0.0, 4, generators(0, 1))
    plain = torch.nn.functional.interpolate(shrink(true), scale_factor=4, mode="bicubic")
    assert (made - true).square().mean() < (plain - true).square().mean() / 2
    assert made[:, :, :32].min() > 0.98
