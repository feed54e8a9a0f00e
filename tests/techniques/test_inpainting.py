"""RePaint against the paper's schedule and formulas, and against the conditional mean of a Gaussian."""

import math
from itertools import islice, pairwise

import numpy as np
import pytest
import torch

from core.diffusion.closed_form import Gaussian
from core.diffusion.denoiser import Technique
from core.diffusion.loop import renoise
from core.diffusion.noise import generator, generators, randn
from core.diffusion.samplers import ddim
from core.diffusion.schedule import Schedule
from core.diffusion.visits import visits_together
from core.techniques.inpainting import evaluations, inpaint, zigzag

LINEAR, COSINE, FLOW = Schedule.linear(1000), Schedule.cosine(1000), Schedule.flow(1000)
EVERY_PATH = pytest.mark.parametrize("path", [LINEAR, COSINE, FLOW], ids=["linear", "cosine", "flow"])
SHAPE = (3, 4, 4)
PICTURE = randn((2, *SHAPE), generator(1))
MASK = torch.zeros(1, 1, 4, 4)
MASK[..., 1:3, 1:4] = 1


class Counting(Technique):
    """Counts the network calls."""

    calls = 0

    def predict(self, x_t, t, cond):
        self.calls += 1
        return super().predict(x_t, t, cond)


def correlated(path: Schedule = LINEAR) -> Counting:
    """A closed-form denoiser in float32 whose pixels all depend on each other."""
    root = randn((48, 48), generator(3))
    return Counting(Gaussian(path, root @ root.T / 48 + 0.05 * torch.eye(48), SHAPE))


def last(steps) -> torch.Tensor:
    *_, step = steps
    return step.x_t


# ---- The zig-zag ----


def the_papers_schedule(t_T: int, jump_length: int, jump_n_sample: int) -> list[int]:
    """The pseudo-code of Lugmayr et al. 2022, appendix B, in its own words."""
    jumps = dict.fromkeys(range(0, t_T - jump_length, jump_length), jump_n_sample - 1)
    t, ts = t_T, []
    while t >= 1:
        t = t - 1
        ts.append(t)
        if jumps.get(t, 0) > 0:
            jumps[t] = jumps[t] - 1
            for _ in range(jump_length):
                t = t + 1
                ts.append(t)
    return [*ts, -1]


def test_the_papers_setting_has_4570_transitions_of_which_2410_ask_the_network():
    visits = zigzag(range(249, -1, -1), 10, 10)
    assert (len(visits) - 1, evaluations(visits)) == (4570, 2410)


@pytest.mark.parametrize("n, jump_length, jump_n", [(250, 10, 10), (30, 10, 5), (30, 7, 3), (5, 10, 10), (1, 1, 2)])
def test_the_zigzag_is_the_papers(n, jump_length, jump_n):
    places = the_papers_schedule(n, jump_length, jump_n)
    assert zigzag(range(n - 1, -1, -1), jump_length, jump_n) == places
    timesteps = [30 * k for k in reversed(range(n))]
    assert zigzag(timesteps, jump_length, jump_n) == [30 * k if k >= 0 else -1 for k in places]


def test_one_pass_is_a_plain_run():
    timesteps = LINEAR.timesteps(30)
    assert zigzag(timesteps, 10, 1) == [*timesteps, -1]
    assert evaluations([*timesteps, -1]) == 30


@pytest.mark.parametrize("start", [0, 10, 15, 20, 30])
def test_resampling_begins_where_it_is_told(start):
    visits = zigzag(range(29, -1, -1), 5, 3, start)
    tops = [b for a, b, c in zip(visits, visits[1:], visits[2:], strict=False) if a < b > c]
    assert all(top <= start for top in tops)
    assert len(tops) == 2 * min(start // 5, 5)


@pytest.mark.parametrize("timesteps, jump, n", [([], 1, 1), ([5, 5], 1, 1), ([1, 2], 1, 1), ([3, -1], 1, 1)])
def test_timesteps_that_do_not_descend_are_refused(timesteps, jump, n):
    with pytest.raises(ValueError, match="must descend"):
        zigzag(timesteps, jump, n)


@pytest.mark.parametrize("jump, n", [(0, 2), (2, 0), (-1, 1)])
def test_jumps_below_one_are_refused(jump, n):
    with pytest.raises(ValueError, match="at least 1"):
        zigzag([3, 2, 1], jump, n)


# ---- Upwards ----


@EVERY_PATH
def test_renoising_is_forward_noising_in_two_parts(path):
    """Mean and variance of x_t' = a' x_0 + s' eps, from x_t = a x_0 + s eps."""
    t, up = torch.tensor([100, 300]), torch.tensor([110, 900])
    x, one = torch.zeros(2, 1, 1, 1).double(), torch.ones(2, 1, 1, 1).double()
    (a, s), (a_up, s_up) = path.at(t, x), path.at(up, x)
    ratio, deviation = renoise(path, one, t, up, 0 * one), renoise(path, 0 * one, t, up, one)
    torch.testing.assert_close(ratio * a, a_up)
    torch.testing.assert_close((ratio * s) ** 2 + deviation**2, s_up**2)


def test_renoising_by_one_level_is_the_forward_kernel():
    """sqrt(1 - beta) x + sqrt(beta) z (Ho et al. 2020, eq. 2)."""
    beta = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)[501]
    x, z = randn((2, *SHAPE), generator(0)).double(), randn((2, *SHAPE), generator(1)).double()
    t = torch.tensor([500, 500])
    torch.testing.assert_close(renoise(LINEAR, x, t, t + 1, z), (1 - beta).sqrt() * x + beta.sqrt() * z)


# ---- A whole run ----


@EVERY_PATH
@pytest.mark.parametrize("jump_n", [1, 3])
@pytest.mark.parametrize("clean_paste", [False, True])
def test_known_pixels_come_back_bit_for_bit(path, jump_n, clean_paste):
    model = correlated(path)
    visits = zigzag(path.timesteps(20)[1:], 5, jump_n)
    cond = model.encode([None, None])
    steps = list(inpaint(model, PICTURE, MASK, visits_together(visits, 2), cond, generator(7), clean_paste))
    known = (MASK == 0).expand_as(PICTURE)
    assert torch.equal(steps[-1].x_t[known], PICTURE[known])
    assert not torch.isclose(steps[-1].x_t[~known], PICTURE[~known]).any()
    assert model.calls == evaluations(visits)
    assert [step.t.tolist() for step in steps] == [[t, t] for t in visits]
    assert [(step.i, step.n) for step in steps] == [(k, len(visits) - 1) for k in range(len(visits))]
    if clean_paste:
        assert all(torch.equal(b.x_t[known], PICTURE[known]) for a, b in pairwise(steps) if b.t[0] < a.t[0])


@pytest.mark.parametrize("under", [0.0, 1e6, math.nan])
@pytest.mark.parametrize("clean_paste", [False, True])
def test_what_was_under_the_hole_plays_no_part(under, clean_paste):
    model, visits = correlated(), visits_together(zigzag(LINEAR.timesteps(20), 5, 2), 2)
    other = torch.where(MASK == 1, torch.tensor(under), PICTURE)
    runs = [
        last(inpaint(model, p, MASK, visits, model.encode([None] * 2), generator(7), clean_paste))
        for p in (PICTURE, other)
    ]
    assert torch.equal(*runs)


def test_the_known_pixels_do_play_a_part():
    model, visits = correlated(), visits_together(LINEAR.timesteps(20), 2)
    runs = [last(inpaint(model, p, MASK, visits, model.encode([None] * 2), generator(7))) for p in (PICTURE, -PICTURE)]
    assert ((runs[0] - runs[1]) * MASK).abs().max() > 0.1


def test_known_pixels_are_at_the_level_just_reached():
    """Of many runs of one picture: mean a_t x_0, deviation s_t, after every step down; 5 standard errors."""
    n = 1000
    model, picture = correlated(), PICTURE[:1].expand(n, *SHAPE)
    visits = visits_together(zigzag([990, 600, 300, 30], 2, 2), n)
    steps = list(inpaint(model, picture, MASK, visits, torch.zeros_like(picture), generator(7)))
    known = (MASK == 0).expand(1, *SHAPE)[0]
    for before, step in pairwise(steps):
        if step.t[0] > before.t[0] or step.t[0] < 0:
            continue
        a, s = (level.item() for level in LINEAR.at(step.t[:1], picture))
        pixels = step.x_t[:, known]
        assert ((pixels.mean(0) - a * PICTURE[0][known]).abs() < 5 * s / math.sqrt(n)).all()
        assert pixels.sub(a * PICTURE[0][known]).square().mean().sqrt().item() == pytest.approx(s, rel=0.03)


def test_a_feathered_edge_is_blended_at_the_end_and_made_anew_before():
    model, visits = correlated(), visits_together(LINEAR.timesteps(10), 2)
    soft = MASK.clone()
    soft[..., 0, :] = 0.25
    hard = (soft > 0).float()
    cond = model.encode([None] * 2)
    blended = last(inpaint(model, PICTURE, soft, visits, cond, generator(7)))
    anew = last(inpaint(model, PICTURE, hard, visits, cond, generator(7)))
    torch.testing.assert_close(blended, soft * anew + (1 - soft) * PICTURE)


def test_sample_k_of_a_batch_is_sample_k_alone():
    model, visits = correlated(), visits_together(zigzag(LINEAR.timesteps(10), 3, 2), 2)
    cond = model.encode([None] * 2)
    batch = last(inpaint(model, PICTURE, MASK, visits, cond, generators(7, 2)))
    for k in range(2):
        row = slice(k, k + 1)
        alone = last(inpaint(model, PICTURE[row], MASK, visits[:, row], cond[row], generators(7 + k, 1)))
        torch.testing.assert_close(batch[row], alone, atol=1e-5, rtol=0)


@EVERY_PATH
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_without_a_constraint_and_jumps_it_is_ddim(path, eta):
    model, x = correlated(path), randn((2, *SHAPE), generator(4))
    visits, cond = visits_together(path.timesteps(20), 2), model.encode([None] * 2)
    ours = ddim(model, x, visits, cond, generator(7), eta, lambda x, t: x)
    theirs = ddim(model, x, visits, cond, generator(7), eta)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a.x_t, b.x_t) and torch.equal(a.x_0, b.x_0) and torch.equal(a.t, b.t)


def test_a_run_stopped_early_leaves_grad_as_it_was():
    model = correlated()
    visits = visits_together(zigzag(LINEAR.timesteps(20), 5, 3), 2)
    run = inpaint(model, PICTURE, MASK, visits, model.encode([None] * 2), generator(7))
    assert len(list(islice(run, 12))) == 12 and torch.is_grad_enabled()
    run.close()
    assert torch.is_grad_enabled()


# ---- Against the Gaussian's conditional mean ----

MEAN = torch.tensor([0.3, -0.4, 0.1], dtype=torch.float64)
COVARIANCE = torch.tensor([[1.0, 0.5, 0.4], [0.5, 1.0, 0.6], [0.4, 0.6, 1.0]], dtype=torch.float64)
KNOWN = 1.5  # of the first pixel
SAMPLES = 1000


def conditional() -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of the two pixels in the hole, given the first: mu_h + S_hk S_kk^-1 (x_k - mu_k)."""
    gain = COVARIANCE[1:, 0] / COVARIANCE[0, 0]
    return MEAN[1:] + gain * (KNOWN - MEAN[0]), (
        COVARIANCE[1:, 1:] - torch.outer(gain, COVARIANCE[0, 1:])
    ).diag().sqrt()


def painted(visits: list[int]) -> torch.Tensor:
    """(SAMPLES, 2) the hole's pixels in float64."""
    model = Gaussian(COSINE, COVARIANCE, (1, 1, 3))
    picture = torch.tensor([KNOWN, 0, 0], dtype=torch.float64).expand(SAMPLES, 1, 1, 3)
    mask = torch.tensor([0.0, 1.0, 1.0]).view(1, 1, 1, 3)
    cond = MEAN.expand(SAMPLES, 1, 1, 3)
    return last(inpaint(model, picture, mask, visits_together(visits, SAMPLES), cond, generator(8)))[:, 0, 0, 1:]


def expected_by_algorithm_1(visits: list[int]) -> np.ndarray:
    """The exact mean of x under RePaint's algorithm 1, in numpy: every line of it is linear in x on a Gaussian.

    The reverse step is the DDPM posterior between t and t', with a = abar_t / abar_t' and b = 1 - a.
    """
    abar = dict(zip([*range(1000), -1], COSINE.alpha_bar.tolist(), strict=True))
    S, mu, m = COVARIANCE.numpy(), MEAN.numpy(), np.zeros(3)
    for t, t_next in pairwise(visits):
        A, B = abar[t], abar[t_next]
        if t_next > t:
            m = math.sqrt(B / A) * m
            continue
        x_0 = mu + math.sqrt(A) * S @ np.linalg.solve(A * S + (1 - A) * np.eye(3), m - math.sqrt(A) * mu)
        a, b = A / B, 1 - A / B
        m = math.sqrt(B) * b / (1 - A) * x_0 + math.sqrt(a) * (1 - B) / (1 - A) * m
        m[0] = math.sqrt(B) * KNOWN
    return m[1:]


@pytest.mark.parametrize("jump_n", [1, 4])
def test_samples_have_the_mean_of_algorithm_1(jump_n):
    visits = zigzag(COSINE.timesteps(50), 5, jump_n)
    result, (_, deviation) = painted(visits), conditional()
    error = np.abs(result.mean(0).numpy() - expected_by_algorithm_1(visits))
    assert (error < 5 * deviation.numpy() / math.sqrt(SAMPLES)).all()


def test_resampling_leads_to_the_conditional_mean():
    """In exact expectation the bias of one pass falls as 1 / n: RePaint needs many passes, and then is right."""
    target = conditional()[0].numpy()
    visits = [zigzag(COSINE.timesteps(100), 5, n) for n in (1, 2, 5, 10, 20, 40)]
    bias = [np.abs(expected_by_algorithm_1(v) - target).max() for v in visits]
    assert all(b < 0.7 * a for a, b in pairwise(bias))
    assert bias[0] > 0.2 and bias[-1] < 0.02


@pytest.mark.slow
def test_inpainting_a_correlated_gaussian_has_its_conditional_mean_and_deviation():
    """Within 3 standard errors with forty passes, where the bias is below one; nearly 10 away with a single pass."""
    target, deviation = conditional()
    error = deviation / math.sqrt(SAMPLES)
    many, one = (painted(zigzag(COSINE.timesteps(100), 5, n)) for n in (40, 1))
    assert ((many.mean(0) - target).abs() < 3 * error).all()
    assert ((one.mean(0) - target).abs() > 8 * error).all()
    assert ((many.std(0) - deviation).abs() < 0.15 * deviation).all()
