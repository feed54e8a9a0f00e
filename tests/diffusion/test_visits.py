"""Tables of visits, and the one loop that walks them: samples that begin late, finish early and go up again."""

import pytest
import torch

from core.diffusion.closed_form import Gaussian
from core.diffusion.denoiser import Technique
from core.diffusion.guidance import guide
from core.diffusion.noise import generator, generators, randn
from core.diffusion.samplers import ddim, dpm_solver, heun, posterior
from core.diffusion.schedule import Schedule
from core.diffusion.visits import visits_each, visits_from, visits_together

LINEAR, FLOW = Schedule.linear(1000), Schedule.flow(1000)
SHAPE = (2, 2, 2)


class Spy(Technique):
    """Notes the timesteps and the condition of every network call."""

    def __init__(self, inner):
        super().__init__(inner)
        self.calls, self.conditions = [], []

    def predict(self, x_t, t, cond):
        self.calls.append(t.tolist())
        self.conditions.append(cond)
        return super().predict(x_t, t, cond)


def correlated(path: Schedule = LINEAR) -> Spy:
    root = randn((8, 8), generator(3))
    return Spy(Gaussian(path, root @ root.T / 8 + 0.1 * torch.eye(8), SHAPE))


def start(n: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """States and conditions, which are means."""
    return randn((n, *SHAPE), generator(1)), randn((n, *SHAPE), generator(2))


# ---- Tables ----


def test_shared_timesteps_are_a_column_per_sample():
    table = visits_together([9, 4, 0], 2)
    assert table.tolist() == [[9, 9], [4, 4], [0, 0], [-1, -1]]
    assert table.dtype == torch.long and table.device.type == "cpu"
    assert torch.equal(visits_together([9, 4, 0, -1], 2), table)
    assert torch.equal(visits_together(range(2, -1, -1), 1), torch.tensor([[2], [1], [0], [-1]]))


def test_a_shorter_list_is_finished_earlier():
    assert visits_each([[9, 4, 0], [5], [7, 3, -1]]).tolist() == [[9, 5, 7], [4, -1, 3], [0, -1, -1], [-1, -1, -1]]


def test_a_later_start_waits_at_its_own_timestep():
    assert visits_from([9, 6, 3], [2, 1, 3]).tolist() == [[3, 6, -1], [3, 3, -1], [-1, -1, -1]]
    assert visits_from([9, 6, 3], [3, 3]).tolist() == [[-1, -1]]


# ---- The loop ----

EARLY, LATE, AGAIN = [900, 500, 100, -1, -1, -1], [700, 700, 700, 300, 50, -1], [800, 400, 600, 400, 200, -1]
UNEVEN = torch.tensor([EARLY, LATE, AGAIN]).T
ALONE = ([900, 500, 100], [700, 300, 50], AGAIN)
RUNS = {
    "ddim": lambda d, x, v, c, s: ddim(d, x, v, c, s),
    "ancestral": lambda d, x, v, c, s: ddim(d, x, v, c, s, 1.0),
    "posterior": posterior,
}


@pytest.mark.parametrize("name", RUNS)
def test_a_sample_of_an_uneven_batch_is_that_sample_alone(name):
    """One that finishes early, one that begins late and one that goes up, each with its own noise."""
    (x, cond), run = start(), RUNS[name]
    *_, together = run(correlated(), x, UNEVEN, cond, generators(7, 3))
    for k, timesteps in enumerate(ALONE):
        row = slice(k, k + 1)
        *_, alone = run(correlated(), x[row], visits_together(timesteps, 1), cond[row], generators(7 + k, 1))
        torch.testing.assert_close(together.x_t[row], alone.x_t, atol=1e-5, rtol=0)


def test_the_network_is_asked_about_those_that_go_down_alone():
    (x, cond), model = start(), correlated()
    steps = list(ddim(model, x, UNEVEN, cond, generators(7, 3), 1.0))
    assert model.calls == [[900, 800], [500], [100, 700, 600], [300, 400], [50, 200]]
    assert [step.t.tolist() for step in steps] == UNEVEN.tolist()
    assert [(step.i, step.n) for step in steps] == [(k, 5) for k in range(6)]


def test_a_sample_that_waits_or_is_finished_stays_as_it_is():
    (x, cond), model = start(), correlated()
    steps = list(ddim(model, x, UNEVEN, cond, generators(7, 3), 1.0))
    for step in steps[:2]:
        assert torch.equal(step.x_t[1], x[1]) and torch.equal(step.x_0[1], x[1])
    assert torch.equal(steps[2].x_t[1], x[1]) and not torch.equal(steps[2].x_0[1], x[1])
    for step in steps[3:]:
        assert torch.equal(step.x_t[0], steps[-1].x_t[0]) and torch.equal(step.x_0[0], steps[-1].x_t[0])
    assert torch.equal(steps[1].x_0[2], steps[0].x_0[2])  # on its way up: the last estimate


def test_noise_estimates_are_zero_before_a_sample_begins_and_there_are_none_where_nothing_is_asked():
    (x, cond), model = start(2), guide(correlated(), 2.0)
    table = torch.tensor([[300, 500], [300, 200], [100, 100], [400, 400], [-1, -1]])
    steps = list(ddim(model, x, table, cond, generator(7)))
    assert [set(step.parts) for step in steps] == [{"unconditional", "conditional"}] * 2 + [set()] + [
        {"unconditional", "conditional"}
    ] + [set()]
    assert not steps[0].parts["conditional"][0].any() and steps[0].parts["conditional"][1].all()
    assert steps[1].parts["conditional"].all()


def test_the_condition_is_one_object_as_long_as_the_same_samples_are_asked():
    (x, cond), model = start(2), correlated()
    list(ddim(model, x, visits_together([900, 500, 800, 400], 2), cond, generator(7)))
    assert all(asked is cond for asked in model.conditions)
    model = correlated()
    list(ddim(model, x, visits_each([[900, 600, 300], [500]]), cond))
    first, second, third = model.conditions
    assert first is cond and second is third and torch.equal(second, cond[:1])


def test_a_constraint_leaves_samples_alone_that_wait():
    x, cond = start(2)
    table = torch.tensor([[900, 500], [700, 500], [-1, -1]])
    seen = []

    def constrain(x, t):
        seen.append(t.tolist())
        return torch.full_like(x, 3.0)

    _, second, last = ddim(correlated(), x, table, cond, constrain=constrain)
    assert torch.equal(second.x_t, torch.stack([torch.full(SHAPE, 3.0), x[1]]))
    assert (last.x_t == 3).all() and seen == [[700, 500], [-1, -1]]


@pytest.mark.parametrize("sampler", [heun, dpm_solver])
@pytest.mark.parametrize("table", [UNEVEN[:, :1], UNEVEN[:, 1:2], UNEVEN[:, 2:]], ids=["finished", "waits", "goes up"])
def test_samplers_that_look_ahead_or_back_take_even_tables_alone(sampler, table):
    x, cond = start(1)
    with pytest.raises(ValueError, match="go down together"):
        list(sampler(correlated(FLOW), x, table, cond))


@pytest.mark.parametrize("columns, conditions", [(2, 3), (3, 2), (1, 3)])
def test_every_sample_has_a_column_and_a_condition(columns, conditions):
    x, cond = start(3)
    with pytest.raises(ValueError, match=f"3 samples need as many .* not {columns} and {conditions}"):
        list(ddim(correlated(), x, visits_together([500], columns), cond[:conditions]))
