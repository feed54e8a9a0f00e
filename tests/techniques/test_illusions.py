"""Anagrams and hybrids against the formulas of the papers, on Gaussians in closed form."""

import math

import numpy as np
import pytest
import torch

from core.checks import Refused
from core.diffusion.closed_form import Gaussian
from core.diffusion.denoiser import Prediction, Technique
from core.diffusion.guidance import clip, guide
from core.diffusion.noise import generator, randn
from core.diffusion.samplers import ddim
from core.diffusion.schedule import Schedule
from core.diffusion.visits import visits_together
from core.techniques import splits
from core.techniques.illusions import anagram, hybrid, inverse_constraint
from core.techniques.splits import colours, frequencies, lowpass, motion, response
from core.techniques.views.catalogue import VIEWS

SHAPE = (3, 4, 4)
N = math.prod(SHAPE)
LINEAR, FLOW = Schedule.linear(1000), Schedule.flow(1000)
EVERY_PATH = pytest.mark.parametrize("path", [LINEAR, FLOW], ids=["ddpm", "flow"])
CAT, DOG, OWL = randn((3, *SHAPE), generator(1)).double()
T = torch.tensor([999, 500, 20])
X_T = randn((3, *SHAPE), generator(2)).double()
LEGAL = [VIEWS[name] for name, view in VIEWS.items() if view.legal]
FLIP, NEGATE, TURN = VIEWS["flip"], VIEWS["negate"], VIEWS["rotate_90"]


class Spy(Technique):
    """Notes the rows of every network call; its learned variance is a function of what it saw."""

    def __init__(self, inner):
        super().__init__(inner)
        self.rows = []

    def predict(self, x_t, t, cond):
        self.rows.append(len(x_t))
        p = super().predict(x_t, t, cond)
        return Prediction(p.x_0, p.eps, torch.tanh(x_t + cond))


def gaussian(path: Schedule) -> Spy:
    """A closed-form denoiser of correlated pixels in float64; a prompt is its mean, None the mean zero."""
    root = randn((N, N), generator(3)).double()
    return Spy(Gaussian(path, root @ root.T / N + 0.1 * torch.eye(N), SHAPE))


def last(steps) -> torch.Tensor:
    *_, step = steps
    return step.x_t


def three(prompts) -> list:
    return [prompts] * 3


def assert_consistent(path: Schedule, p: Prediction):
    """x_t = a_t x_0 + s_t eps, and no number is infinite where a_t = 0."""
    torch.testing.assert_close(path.forward(p.x_0, T, p.eps), X_T)
    assert p.x_0.isfinite().all() and p.eps.isfinite().all()


def guided(spy: Spy, x: torch.Tensor, prompt, w: float, negative=None) -> tuple[torch.Tensor, torch.Tensor]:
    """(eps, v) by the formula of guidance, in two separate calls."""
    u, c = (spy.predict(x, T, spy.encode(three(k))) for k in (negative, prompt))
    return u.eps + w * (c.eps - u.eps), c.v


# ---- Anagrams ----


def matrix(view) -> torch.Tensor:
    """(N, N) of a view as a linear map of a whole picture."""
    return view.apply(torch.eye(N, dtype=torch.float64).view(N, *SHAPE)).view(N, N).T


@pytest.mark.parametrize("weights", [None, [3, 1, 0.5]], ids=["alike", "weighted"])
@EVERY_PATH
def test_an_anagram_is_its_formula_in_one_call(path, weights):
    """With the views as matrices, so that the inverse is the transpose (Geng et al. 2024)."""
    spy, views, prompts = gaussian(path), [FLIP, NEGATE, TURN], (CAT, DOG, OWL)
    model = anagram(spy, views, 3.0, weights=weights)
    p = model.predict(X_T, T, model.encode(three(prompts)))
    assert spy.rows == [18]  # 3 samples, 3 views, 2 halves
    w = np.array(weights or [1, 1, 1]) / sum(weights or [1, 1, 1])
    eps, v = torch.zeros_like(X_T), torch.zeros_like(X_T)
    for k, (view, prompt) in enumerate(zip(views, prompts, strict=True)):
        A = matrix(view)
        seen, variance = guided(spy, (X_T.flatten(1) @ A.T).view_as(X_T), prompt, 3.0)
        part = (seen.flatten(1) @ A).view_as(X_T)
        torch.testing.assert_close(p.parts[f"{k + 1}. {view.title}"], part)
        eps += w[k] * part
        v += w[k] * (variance.flatten(1) @ A.abs()).view_as(X_T)  # |A|: the negative moves no variance
    torch.testing.assert_close((p.eps, p.v), (eps, v))
    assert_consistent(path, p)


@pytest.mark.parametrize("w, rows", [(1.0, 6), (0.0, 6), (2.0, 12), (torch.tensor([0.0, 1.0, 7.0]), 12)])
def test_guidance_per_sample_and_none_at_all(w, rows):
    spy = gaussian(LINEAR)
    model = anagram(spy, [FLIP, TURN], w, DOG)
    p = model.predict(X_T, T, model.encode([(CAT, OWL)] * 3))
    assert spy.rows == [rows]
    for k, scale in enumerate(w.tolist() if isinstance(w, torch.Tensor) else [w] * 3):
        terms = [view.invert(guided(spy, view.apply(X_T), c, scale, DOG)[0]) for view, c in ((FLIP, CAT), (TURN, OWL))]
        torch.testing.assert_close(p.eps[k], (sum(terms) / 2)[k])


def test_each_sample_has_its_own_prompts():
    spy = gaussian(LINEAR)
    model = anagram(spy, [FLIP, TURN], 2.0)
    rows = [(CAT, DOG), (DOG, OWL), (None, CAT)]
    p = model.predict(X_T, T, model.encode(rows))
    for k, prompts in enumerate(rows):
        alone = model.predict(X_T[k : k + 1], T[k : k + 1], model.encode([prompts]))
        torch.testing.assert_close((p.x_0[k], p.eps[k], p.v[k]), (alone.x_0[0], alone.eps[0], alone.v[0]))


@pytest.mark.parametrize("view", LEGAL, ids=lambda view: view.title)
def test_one_view_is_plain_sampling_of_the_prompt_seen_through_it(view):
    """Of pixels that are alike, every view of a sample is a sample: its mean is view^-1(prompt)."""
    plain = Gaussian(LINEAR, 0.5 * torch.eye(N, dtype=torch.float64), SHAPE)
    model, moved = anagram(plain, [view]), plain.encode([view.invert(CAT[None])[0]] * 3)
    p, expected = model.predict(X_T, T, model.encode([CAT] * 3)), plain.predict(X_T, T, moved)
    torch.testing.assert_close((p.x_0, p.eps), (expected.x_0, expected.eps))


@pytest.mark.slow
@EVERY_PATH
def test_an_anagram_of_a_gaussian_has_the_mean_that_symmetry_demands(path):
    """The mean is mean_i A_i^T mu_i where the covariance looks the same in every view; within 5 standard errors."""
    covariance = 0.3 * torch.eye(N, dtype=torch.float64) + 0.1  # alike after any permutation
    model, n = anagram(Gaussian(path, covariance, SHAPE), [FLIP, TURN]), 2000
    x = randn((n, *SHAPE), generator(4)).double()
    cond = model.encode([(CAT, DOG)]).expand(n, 2, *SHAPE)
    result = last(ddim(model, x, visits_together(path.timesteps(50), n), cond))
    expected = (CAT.flip(-2) + torch.rot90(DOG, 1, (-2, -1))) / 2
    assert ((result.mean(0) - expected).abs() < 5 * math.sqrt(0.4 / n)).all()
    assert (result.mean(0) - CAT).abs().max() > 0.5


def test_equal_prompts_in_symmetric_views_make_a_symmetric_mean():
    covariance = 0.3 * torch.eye(N, dtype=torch.float64) + 0.1
    views = [VIEWS[f"rotate_{k}"] for k in (90, 180, 270)] + [VIEWS["identity"]]
    model = anagram(Gaussian(LINEAR, covariance, SHAPE), views)
    x, visits = torch.zeros(1, *SHAPE).double(), visits_together(LINEAR.timesteps(50), 1)
    mean = last(ddim(model, x, visits, model.encode([CAT])))[0]
    torch.testing.assert_close(torch.rot90(mean, 1, (-2, -1)), mean)
    assert mean.abs().max() > 0.1


@EVERY_PATH
def test_alternating_views_take_turns_by_the_timestep(path):
    spy, views, prompts = gaussian(path), [FLIP, NEGATE, TURN], (CAT, DOG, OWL)
    timesteps = [999, 700, 500, 100, 20]
    model = anagram(spy, views, 3.0, reduction="alternate", timesteps=timesteps)
    p = model.predict(X_T, T, model.encode(three(prompts)))
    assert spy.rows == [6]  # one view, two halves
    for k, place in enumerate([0, 2, 1]):  # 999 is the first timestep, 500 the third, 20 the fifth
        view = views[place]
        eps, v = guided(spy, view.apply(X_T), prompts[place], 3.0)
        torch.testing.assert_close((p.eps[k], p.v[k]), (view.invert(eps)[k], view.invert_variance(v)[k]))
    assert_consistent(path, p)
    again = model.predict(X_T.flip(0), T.flip(0), model.encode(three(prompts)))
    torch.testing.assert_close(again.eps.flip(0), p.eps)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"views": []}, "at least one view"),
        ({"weights": [1]}, "2 views take 2 weights"),
        ({"weights": [0, 0]}, "2 views take 2 weights"),
        ({"weights": [1, -1]}, "2 views take 2 weights"),
        ({"weights": [1, math.nan]}, "2 views take 2 weights"),
        ({"reduction": "median"}, "mean or alternate, not 'median'"),
        ({"reduction": "alternate"}, "the sampler's timesteps"),
        ({"reduction": "alternate", "timesteps": [5], "weights": [1, 1]}, "no weights"),
    ],
)
def test_an_impossible_anagram_is_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        anagram(gaussian(LINEAR), **({"views": [FLIP, TURN]} | options))


def test_a_prompt_missing_for_a_view_is_refused():
    with pytest.raises(Refused, match="2 prompts are needed, not 1"):
        anagram(gaussian(LINEAR), [FLIP, TURN]).encode([(CAT,)])


# ---- Components ----

SPLITS = {
    "low and high": frequencies(),
    "three bands": frequencies((3.0, 1.0), 15),
    "nothing blurred": frequencies((0.0,)),
    "sigma 1000": frequencies((1000.0,)),
    "colours": colours(),
    "motion": motion(7, 30.0),
    "motion of one pixel": motion(1),
}


@pytest.mark.parametrize("shape", [(2, 3, 64, 64), (1, 1, 6, 8)])
@pytest.mark.parametrize("name", SPLITS)
def test_components_sum_to_the_identity(name, shape):
    x = randn(shape, generator(0)).double()
    before = x.clone()
    parts = [f(x) for f in SPLITS[name].values()]
    assert all(part.shape == x.shape and part.dtype == x.dtype for part in parts)
    torch.testing.assert_close(sum(parts), x, atol=1e-15, rtol=0)
    assert torch.equal(x, before)


@pytest.mark.parametrize("name", SPLITS)
def test_components_are_linear(name):
    x, y = randn((2, 1, 3, 16, 16), generator(0)).double()
    for f in SPLITS[name].values():
        torch.testing.assert_close(f(2 * x - 3 * y), 2 * f(x) - 3 * f(y))


def gaussian_blur(x, kernel: int, sigma: float):
    """The blur as torchvision has it: one convolution with a square kernel."""
    line = torch.exp(-0.5 * ((torch.arange(kernel) - kernel // 2) / sigma) ** 2).to(x)
    square = (line[:, None] * line / line.sum() ** 2).expand(x.shape[1], 1, -1, -1)
    padded = torch.nn.functional.pad(x, [kernel // 2] * 4, mode="reflect")
    return torch.nn.functional.conv2d(padded, square, groups=x.shape[1])


@pytest.mark.slow
@pytest.mark.parametrize("sigma, kernel", [(2.0, 33), (0.5, 5), (1000.0, 33)])
def test_the_low_pass_is_the_blur_of_torchvision(sigma, kernel):
    from torchvision.transforms.functional import gaussian_blur

    x = randn((2, 3, 64, 64), generator(0)).double()
    torch.testing.assert_close(lowpass(x, sigma, kernel), gaussian_blur(x, [kernel] * 2, [sigma] * 2))


def test_bands_are_ordered_by_frequency():
    """A wave's band: slow waves are low, fast ones high, those between the two sigmas in the middle."""
    split = frequencies((6.0, 1.0), 33)
    for period, strongest in ((64, "low"), (12, "middle"), (2.5, "high")):
        wave = torch.cos(2 * math.pi * torch.arange(64).double() / period).expand(1, 1, 64, 64)
        strength = {name: f(wave)[..., 16:48].abs().max().item() for name, f in split.items()}
        assert max(strength, key=strength.get) == strongest


def test_the_response_is_what_the_filter_does_to_waves():
    where, gain = response(1.5, 33, 9)
    assert where[0] == 0 and where[-1] == 0.5 and gain[0] == pytest.approx(1)
    for f, g in zip(where, gain, strict=True):
        wave = torch.cos(2 * math.pi * f * (torch.arange(64).double() - 32)).expand(1, 1, 64, 64)
        assert lowpass(wave, 1.5, 33)[0, 0, 32, 32].item() == pytest.approx(g, abs=1e-12)
        assert g == pytest.approx(math.exp(-2 * (math.pi * 1.5 * f) ** 2), abs=1e-3)  # of the endless Gaussian


def test_grey_has_no_colour_and_colour_no_grey():
    x = randn((2, 3, 8, 8), generator(0)).double()
    grey, colour = (f(x) for f in colours().values())
    np.testing.assert_allclose(grey, np.broadcast_to(x.numpy().mean(1, keepdims=True), x.shape))
    torch.testing.assert_close(colour.mean(1), torch.zeros(2, 8, 8).double())


@pytest.mark.parametrize("angle, stays, goes", [(0.0, -1, -2), (90.0, -2, -1)])
def test_motion_blurs_along_its_path_alone(angle, stays, goes):
    """Stripes across the path vanish, stripes along it stay; away from the border."""
    blur = motion(7, angle)["motion"]
    stripes = torch.cos(2 * math.pi * torch.arange(70).double() / 7).expand(1, 1, 70, 70)
    across, along = (stripes if stays == -1 else stripes.mT), (stripes.mT if stays == -1 else stripes)
    inner = np.s_[..., 10:60, 10:60]
    assert blur(across)[inner].abs().max() < 0.05
    torch.testing.assert_close(blur(along)[inner], along[inner])


def test_motion_upwards_to_the_right_by_hand():
    """The picture of a point is a stroke from lower left to upper right, of weight 1."""
    point = torch.zeros(1, 1, 21, 21).double()
    point[..., 10, 10] = 1
    stroke = motion(7, 45.0)["motion"](point)[0, 0]
    assert stroke.sum().item() == pytest.approx(1)
    assert stroke[8, 12] > 0.05 and stroke[12, 8] > 0.05
    assert stroke[8, 8] == 0 and stroke[12, 12] == 0


@pytest.mark.parametrize(
    "make, sentence",
    [
        (lambda: frequencies((-1.0,)), "Sigma must be a number from 0"),
        (lambda: frequencies((math.nan,)), "Sigma must be a number from 0"),
        (lambda: frequencies((math.inf,)), "Sigma must be a number from 0"),
        (lambda: frequencies((2.0,), 32), "odd number of pixels, not 32"),
        (lambda: frequencies((2.0,), -1), "odd number of pixels, not -1"),
        (lambda: frequencies((1.0, 2.0)), "the first is the larger"),
        (lambda: frequencies(()), "one sigma, or two"),
        (lambda: frequencies((3.0, 2.0, 1.0)), "one sigma, or two"),
        (lambda: motion(0), "at least 1 pixel"),
    ],
)
def test_an_impossible_split_is_refused(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


# ---- Hybrids ----


@EVERY_PATH
def test_a_hybrid_is_its_formula_in_one_call(path):
    """eps = lowpass(eps_1) + eps_2 - lowpass(eps_2), the blur as torchvision's (Geng et al. 2024)."""
    spy = gaussian(path)
    model = hybrid(spy, frequencies((1.0,), 7), 3.0)
    p = model.predict(X_T, T, model.encode(three((CAT, DOG))))
    assert spy.rows == [12]
    (low, v_1), (high, v_2) = guided(spy, X_T, CAT, 3.0), guided(spy, X_T, DOG, 3.0)

    def blur(x):
        return gaussian_blur(x, 7, 1.0)

    torch.testing.assert_close(p.eps, blur(low) + high - blur(high))
    torch.testing.assert_close(p.v, (v_1 + v_2) / 2)
    torch.testing.assert_close(dict(p.parts), {"low": blur(low), "high": high - blur(high)})
    assert_consistent(path, p)


def test_a_three_way_hybrid_is_its_formula():
    spy = gaussian(LINEAR)
    model = hybrid(spy, frequencies((1.0, 0.5), 7), 2.0)
    p = model.predict(X_T, T, model.encode(three((CAT, DOG, OWL))))
    assert spy.rows == [18]
    low, middle, high = (guided(spy, X_T, k, 2.0)[0] for k in (CAT, DOG, OWL))
    wide, narrow = (lambda x, s=s: gaussian_blur(x, 7, s) for s in (1.0, 0.5))
    torch.testing.assert_close(p.eps, wide(low) + narrow(middle) - wide(middle) + high - narrow(high))
    assert list(p.parts) == ["low", "middle", "high"]


@pytest.mark.parametrize("name", SPLITS)
def test_equal_prompts_in_a_hybrid_are_plain_sampling(name):
    plain = Gaussian(LINEAR, torch.diag(torch.linspace(0.1, 1, N)), SHAPE)
    x, model = X_T.float(), hybrid(plain, SPLITS[name], 3.0)
    prompt = CAT.float()
    visits = visits_together(LINEAR.timesteps(30), 3)
    a = last(ddim(clip(model, -1, 1), x, visits, model.encode([prompt] * 3), generator(5), 1))
    b = last(ddim(clip(guide(plain, 3.0), -1, 1), x, visits, plain.encode([prompt] * 3), generator(5), 1))
    torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


def test_a_colour_hybrid_has_the_grey_of_one_and_the_colour_of_the_other():
    """In the mean, for pixels that are alike."""
    model = hybrid(Gaussian(LINEAR, 0.5 * torch.eye(N, dtype=torch.float64), SHAPE), colours())
    x, visits = torch.zeros(1, *SHAPE).double(), visits_together(LINEAR.timesteps(50), 1)
    result = last(ddim(model, x, visits, model.encode([(CAT, DOG)])))[0]
    torch.testing.assert_close(result, CAT.mean(0, keepdim=True) + DOG - DOG.mean(0, keepdim=True), atol=0.01, rtol=0)


def test_the_component_of_a_given_picture_is_kept():
    """Grey is a projection, so the result's grey is the photo's exactly, and its colour is the prompt's."""
    model = Gaussian(LINEAR, 1e-4 * torch.eye(N, dtype=torch.float64), SHAPE)
    grey, photo = colours()["grey"], OWL.expand(3, *SHAPE)
    keep = inverse_constraint(LINEAR, grey, photo, generator(6))
    visits = visits_together(LINEAR.timesteps(50), 3)
    result = last(ddim(model, X_T, visits, model.encode([CAT] * 3), generator(7), 1.0, keep))
    torch.testing.assert_close(grey(result), grey(photo))
    torch.testing.assert_close(result - grey(result), (CAT - grey(CAT[None])[0]).expand_as(result), atol=0.1, rtol=0)


def test_the_constraint_is_its_formula_at_every_level():
    low = splits.frequencies((1.0,), 7)["low"]
    keep = inverse_constraint(LINEAR, low, OWL[None], generator(6))
    z = randn(X_T.shape, generator(6)).double()
    abar = LINEAR.alpha_bar[T].view(-1, 1, 1, 1)
    noisy = abar.sqrt() * OWL + (1 - abar).sqrt() * z
    torch.testing.assert_close(keep(X_T, T), X_T - low(X_T) + low(noisy))
