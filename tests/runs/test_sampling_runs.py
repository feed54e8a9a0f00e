"""Requests for pictures: what is accepted, what is refused and how, and what is drawn."""

import dataclasses
import math

import pytest
import torch
from toys import ONLY, tiny_pocket

from core.checks import ModelError, Refused
from core.diffusion.guidance import THRESHOLDS, bounded, guide
from core.diffusion.noise import MAX_SEED, generators, randn
from core.diffusion.sampler_table import TEXT_SAMPLERS
from core.diffusion.samplers import ddim, dpm_solver, posterior
from core.diffusion.visits import visits_together
from core.models.captions import DRAWING_STYLES
from core.models.checkpoint import CHECKPOINT
from core.runs import prompts, sampling
from core.runs.fields import EVEN
from core.runs.prompts import MAX_PICTURES, MAX_PROMPT, default_guidance, prompt_of, remarks, text_models, thing_of
from core.runs.recording import FEW, MAX_FRAMES, Recording
from core.runs.sampling import PLANS, SWEEP, THIRDS, PictureRequest, Pictures, draw
from tabs.ui.prompts import remark_on, remark_on_styled

SENTENCE = r"^[A-Z][^\n]*\.$"


@pytest.fixture(autouse=True)
def pocket(monkeypatch):
    """A tiny pocket in the place of the shipped one."""
    pocket = tiny_pocket()
    monkeypatch.setattr(prompts, "availability", lambda name: (True, "Ready."))
    about = {"architecture": {"words": pocket.vocabulary.words}, "seen_only_in": ONLY}
    monkeypatch.setattr(CHECKPOINT, "card", lambda model, folder=None: about)
    monkeypatch.setattr(sampling, "load", lambda name, device="auto": pocket)
    return pocket


def result(steps) -> torch.Tensor:
    """The last state of a run."""
    *_, last = steps
    return last.x_t


# ---- what is accepted ----


def test_the_defaults_are_accepted_as_they_are():
    assert PictureRequest.checked() == PictureRequest()
    assert PictureRequest().guidance == default_guidance("pocket")
    assert text_models()[0] == "pocket" and default_guidance("if-m") == 7.0
    with pytest.raises(ModelError, match="There is no model called"):
        default_guidance("somebody else's")


def test_numbers_may_come_as_text_and_prompts_are_one_line():
    r = PictureRequest.checked(prompt=" a\trose \n", n="2", steps=12.0, guidance="7.5", seed="0", negative=None)
    assert r == PictureRequest("a rose", "", 2, "pocket", "ddim", 12, 7.5, "clip", 0)
    assert [type(v) for v in (r.n, r.steps, r.guidance, r.seed)] == [int, int, float, int]


@pytest.mark.parametrize("sampler", TEXT_SAMPLERS)
@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_the_ends_of_every_range_are_accepted(sampler, threshold):
    low, default, high = TEXT_SAMPLERS[sampler].steps
    for steps in (low, default, high):
        for n, guidance, seed in ((1, 0, 0), (MAX_PICTURES, 20, MAX_SEED)):
            r = PictureRequest.checked(
                n=n,
                sampler=sampler,
                threshold=threshold,
                steps=steps,
                guidance=guidance,
                seed=seed,
                prompt="x" * MAX_PROMPT,
            )
            assert (r.n, r.steps, r.guidance, r.seed) == (n, steps, guidance, seed)


# ---- what is refused ----

NO_NUMBERS = (None, "", "many", [], [3], {}, True, False, math.nan, "nan", math.inf, -math.inf, 10**400, object())


@pytest.mark.parametrize(
    "field, what, bad",
    [
        ("n", "The number of pictures", (*NO_NUMBERS, 0, -1, 9, 2.5, 10**6)),
        ("steps", "The number of steps with DDIM", (*NO_NUMBERS, 0, -1, 251, 10.5, 10**6)),
        ("guidance", "The guidance", (*NO_NUMBERS, -0.1, 20.1, 10**6)),
        ("seed", "The seed", (*NO_NUMBERS, -1, MAX_SEED + 1, 0.5)),
        ("sampler", "The sampler", (None, "", "euler", 3, [], ["ddim"], {}, True, "DDIM")),
        ("timesteps", "The timesteps", (None, "", "smart", 3, [], {})),
        ("ratio", "The quantile of the dynamic threshold", (*NO_NUMBERS, 0.4, 1.1)),
        ("top", "The largest dynamic threshold", (*NO_NUMBERS, 0.9, 11)),
        ("threshold", "The threshold", (None, "", "static", 3, [], ["clip"], {}, True)),
        ("prompt", "The prompt", (3, 2.5, True, [], ["a rose"], {}, b"a rose", "x" * 3000, "rose " * 600)),
        ("negative", "The negative prompt", (3, False, [], ["a rose"], {}, "x" * 3000)),
    ],
)
def test_a_wrong_value_is_refused_in_one_sentence_that_names_it(field, what, bad):
    for value in bad:
        with pytest.raises(ValueError, match=SENTENCE) as e:
            PictureRequest.checked(**{field: value})
        assert str(e.value).startswith(f"{what} must be "), value
        assert len(str(e.value)) < 150


@pytest.mark.parametrize("name", [None, "", "Pocket", 3, True, [], ["pocket"], {}, math.nan, "x" * 5000, "../pocket"])
def test_a_model_that_does_not_exist_is_refused_in_one_sentence(name):
    with pytest.raises(ModelError, match=r"^There is no model called .*; there are pocket, .*\.$") as e:
        PictureRequest.checked(model=name)
    assert len(str(e.value)) < 400


@pytest.mark.parametrize("name", ["classifier", "photo-classifier", "ddpm-class", "flow-time", "denoiser"])
def test_a_model_that_takes_no_prompt_is_refused_in_one_sentence(name):
    with pytest.raises(ModelError, match=rf"^The model {name} does not draw from a prompt; these do: pocket.*\.$"):
        PictureRequest.checked(model=name)


def test_a_model_that_is_not_here_is_refused_with_the_reason(monkeypatch):
    monkeypatch.setattr(prompts, "availability", lambda name: (False, f"Missing: {name}."))
    with pytest.raises(ModelError, match=r"^Missing: pocket\.$"):
        PictureRequest.checked()


def test_a_long_prompt_is_counted_after_its_spaces_are_gone():
    assert prompt_of("a" + " " * 5000 + "b") == "a b" and prompt_of(None) == ""
    with pytest.raises(ValueError, match=r"^The prompt must be at most 2,000 characters long, not 2,001\.$"):
        prompt_of("x" * 2001)


# ---- what is drawn ----


def plan(name: str, **values) -> Pictures:
    """The plan of an experiment with a small request."""
    return PLANS[name](PictureRequest(**{"prompt": "a rose", "n": 2, "steps": 3, "guidance": 4.0, "seed": 9} | values))


def test_a_request_draws_what_it_says(pocket):
    steps = list(plan("samples", negative="water").run("cpu"))
    assert [s.i for s in steps] == [0, 1, 2, 3] and steps[0].n == 3 and steps[-1].x_t.shape == (2, 3, 64, 64)
    x = randn((2, 3, 64, 64), generators(9, 2))
    guided = bounded(guide(pocket, 4.0, "water"))
    again = ddim(guided, x, visits_together(pocket.schedule.timesteps(3), 2), pocket.encode(["a rose"] * 2))
    assert torch.equal(steps[-1].x_t, result(again))
    plain = draw(pocket, ["a rose"] * 2, 4.0, 3, 9)
    assert (steps[-1].x_t - result(plain)).abs().max() > 1e-3
    assert (steps[-1].x_t[0] - steps[-1].x_t[1]).abs().max() > 0.1


@pytest.mark.parametrize("sampler", TEXT_SAMPLERS)
def test_every_sampler_is_the_one_that_it_is_called(sampler, pocket):
    source = generators(9, 2)
    x, cond = randn((2, 3, 64, 64), source), pocket.encode(["a rose"] * 2)
    visits = visits_together(pocket.schedule.timesteps(4), 2)
    guided = bounded(guide(pocket, 4.0))
    expected = {
        "ddim": ddim(guided, x, visits, cond),
        "ddpm": posterior(guided, x, visits, cond, source),
        "dpm-solver": dpm_solver(guided, x, visits, cond),
    }
    assert torch.equal(result(plan("samples", sampler=sampler, steps=4).run()), result(expected[sampler]))


@pytest.mark.slow
@pytest.mark.parametrize("sampler", TEXT_SAMPLERS)
@pytest.mark.parametrize("guidance, rows", [(0.0, 2), (1.0, 2), (3.0, 4)])
def test_the_announced_calls_are_those_that_are_made(sampler, guidance, rows, pocket):
    made = []
    pocket.net.register_forward_hook(lambda net, args, out: made.append(len(args[0])))
    run = plan("samples", steps=4, guidance=guidance, sampler=sampler)
    result(run.run())
    assert made == [rows] * 4 and run.cost() == (4, rows)


COSTS = {"samples": 2, "with-and-without": 4, "guidance-sweep": 5, "when-to-guide": 5, "step-sweep": 9}


@pytest.mark.slow
@pytest.mark.parametrize(
    "values", [{}, {"guide_from": 700, "guide_to": 30}, {"guide_from": 400, "guidance": 1}], ids=str
)
@pytest.mark.parametrize("name, n", COSTS.items())
def test_the_announced_cost_of_an_experiment_is_what_it_takes(name, n, values, pocket):
    made = []
    pocket.net.register_forward_hook(lambda net, args, out: made.append(len(args[0])))
    run = plan(name, **values)
    assert result(run.run()).shape[0] == n == len(run.seeds)
    calls, mean = run.cost()
    assert len(made) == calls and sum(made) == pytest.approx(calls * mean)


def test_an_experiment_changes_one_thing_alone(pocket):
    for name, changed in (("guidance-sweep", "scales"), ("step-sweep", "steps")):
        run = plan(name)
        for field in ("scales", "seeds", "steps"):
            assert (len(set(getattr(run, field))) > 1) == (field == changed), (name, field)
    run = plan("with-and-without")
    assert run.seeds == (9, 10, 9, 10) and run.scales == (1.0, 1.0, 4.0, 4.0)


@pytest.mark.slow
@pytest.mark.parametrize(("sampler", "atol"), [("ddim", 5e-4), ("ddpm", 0.05)])
def test_every_picture_of_a_step_sweep_is_its_run_alone(sampler, atol, pocket):
    """DDPM alone is `posterior`, equal but for its rounding, which every step of this network makes larger."""
    lengths = (2, 3, 4)
    together = result(plan("step-sweep", sampler=sampler, sweep_steps="2, 4, 3").run())
    for k, steps in enumerate(lengths):
        alone = result(plan("samples", n=1, steps=steps, sampler=sampler).run())
        torch.testing.assert_close(together[k : k + 1], alone, atol=atol, rtol=0)


def test_a_picture_of_few_steps_keeps_them_all_beside_one_of_many(pocket):
    recording = Recording(plan("step-sweep", sweep_steps="2, 4, 80"))
    for _ in recording.follow(recording.plan.run()):
        pass
    assert [[f.i for f in recording.own(k)] for k in (0, 1)] == [[0, 1, 2], [0, 1, 2, 3, 4]]
    assert len(recording.frames) < MAX_FRAMES + FEW


def test_a_step_sweep_needs_a_sampler_of_single_steps():
    for timesteps in (EVEN, "fast27"):
        with pytest.raises(ValueError, match=SENTENCE):
            plan("step-sweep", sampler="dpm-solver", timesteps=timesteps)


def test_a_step_sweep_has_a_row_per_prompt_all_from_one_noise(pocket):
    rows = "an emoji of a fox\n\nan emoji of a rose"
    run = plan("step-sweep", sweep_steps="3; 2", sweep_prompts=rows)
    assert run.steps == (2, 3, 2, 3) and len(set(run.seeds)) == 1 and run.columns == 2
    assert run.labels == (("2 steps", "3 steps"), ("an emoji of a fox", "an emoji of a rose"))
    assert run.caption.startswith("pocket: 2 prompts; ") and run.subject == ""
    assert [run.made_from(k)[0] for k in (1, 2)] == ["an emoji of a fox", "an emoji of a rose"]
    together = result(run.run())
    alone = result(plan("step-sweep", sweep_steps="2, 3", sweep_prompts="an emoji of a rose").run())
    torch.testing.assert_close(together[2:], alone, atol=5e-4, rtol=0)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"sweep_steps": "5"}, "Give 2 to 9 numbers of steps"),
        ({"sweep_steps": "0, 5"}, "Every number of steps must be a whole number from 1 to 250"),
        ({"sweep_steps": "5, 5"}, "may be given only once"),
        ({"sweep_prompts": "a\nb\nc\nd"}, "Give at most 3 prompts"),
    ],
)
def test_a_bad_sweep_is_refused_by_the_sweep_alone(values, sentence):
    r = PictureRequest.checked(**values)
    assert PLANS["samples"](r).count == 4, "the other runs do not need it"
    with pytest.raises(ValueError, match=sentence):
        PLANS["step-sweep"](r)


@pytest.mark.parametrize("values", [{"sweep_prompts": 3}, {"sweep_steps": 5}, {"sweep_prompts": "a\n" * MAX_PROMPT}])
def test_what_is_no_text_of_usual_length_is_refused_at_once(values):
    with pytest.raises(ValueError, match=r"^The (prompts|numbers of steps) of the sweep must be"):
        PictureRequest.checked(**values)


def test_a_step_sweep_is_evenly_spaced_whatever_list_is_chosen(pocket):
    """DeepFloyd's default is a list, and the course asks for this comparison."""
    assert plan("step-sweep", timesteps="stride30") == plan("step-sweep")
    few = {"sweep_steps": "2, 3"}
    course = PLANS["step-sweep"](dataclasses.replace(PictureRequest.of("if-m"), **few))
    assert (course.steps, course.request.timesteps, course.settings()["timesteps"]) == ((2, 3), EVEN, EVEN)
    assert course.settings()["steps_each"] == (2, 3) and "steps_each" not in plan("samples").settings()
    visited = torch.stack([s.t for s in plan("step-sweep", timesteps="stride30", **few).run()])
    for k, steps in enumerate((2, 3)):
        assert visited[:steps, k].tolist() == pocket.schedule.timesteps(steps)


@pytest.mark.slow
@pytest.mark.parametrize("name, length", [("stride30", 34), ("fast27", 27), ("smart50", 50)])
def test_a_published_list_decides_the_timesteps(name, length, pocket):
    run = plan("samples", timesteps=name, n=1)
    visited = [int(s.t[0]) for s in run.run()]
    assert len(visited) == length + 1 and visited[-2:] == [0, -1] and run.cost()[0] == length
    assert visited[0] == (990 if name == "stride30" else 999)


def test_deepfloyd_is_asked_as_the_course_does():
    r = PictureRequest.of("if-m")
    assert (r.model, r.sampler, r.timesteps, r.threshold, r.guidance) == ("if-m", "ddpm", "stride30", "dynamic", 7.0)
    assert PictureRequest.of("pocket") == PictureRequest() and PictureRequest().timesteps == EVEN


def test_settings_make_the_request_again():
    r = PictureRequest(
        "a rose", "water", 2, steps=7, guidance=4.5, sampler="ddpm", threshold="dynamic", seed=9, guide_to=9
    )
    kept = r.settings()
    assert (kept.pop("app"), kept.pop("kind")) == ("fun-with-diffusion-models", "picture")
    assert PictureRequest.checked(**kept) == r
    assert set(kept) == {f.name for f in dataclasses.fields(PictureRequest)}


@pytest.mark.slow
@pytest.mark.parametrize("sampler", TEXT_SAMPLERS)
def test_every_picture_of_when_to_guide_is_its_run_alone(sampler, pocket):
    values = {"sampler": sampler, "steps": 9, "guidance": 5.0}
    run = plan("when-to-guide", **values)
    together = result(run.run())
    alone = [{"guidance": 1.0}, *({"guide_from": a, "guide_to": b} for a, b in THIRDS), {}]
    assert [a for a, _ in THIRDS[1:]] == [b - 1 for _, b in THIRDS[:-1]] and (THIRDS[0][0], THIRDS[-1][1]) == (999, 0)
    for k, changed in enumerate(alone):
        one = result(plan("samples", **values | changed | {"n": 1}).run())
        torch.testing.assert_close(together[k : k + 1], one, atol=2e-3, rtol=0)
    assert min((together[a] - together[b]).abs().max() for a in range(5) for b in range(a)) > 1e-3


def test_when_to_guide_needs_a_step_in_each_third():
    assert plan("when-to-guide", steps=3).steps == (3,) * 5
    with pytest.raises(ValueError, match=SENTENCE):
        plan("when-to-guide", steps=2)


def test_the_steps_with_guidance_are_counted_on_the_model_s_own_timesteps():
    """Pocket's run begins at 999, DeepFloyd's with 30 even steps at 957."""
    asked = {"guide_from": 999, "guide_to": 960, "steps": 30}
    assert [plan("samples", model=model, **asked).guided_steps(0) for model in ("pocket", "if-m")] == [2, 0]


def test_guidance_off_has_something_to_compare_with():
    assert plan("when-to-guide", guidance=1.0).scales == (default_guidance("pocket"),) * 5


def test_a_interval_of_guidance_goes_downwards():
    assert PictureRequest().interval is None and PictureRequest(guide_from=600).interval == (600, 0)
    assert PictureRequest.checked(guide_from="500", guide_to=500.0).interval == (500, 500)
    with pytest.raises(ValueError, match=r"^Guidance cannot be on from t = 3 down to t = 4: .* the larger one\.$"):
        PictureRequest.checked(guide_from=3, guide_to=4)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", TEXT_SAMPLERS)
def test_pictures_that_differ_in_guidance_alone_equal_separate_runs(sampler, pocket):
    together = result(plan("guidance-sweep", sampler=sampler).run())
    for k, w in enumerate(SWEEP):
        alone = result(plan("samples", n=1, guidance=w, sampler=sampler).run())
        torch.testing.assert_close(together[k : k + 1], alone, atol=2e-3, rtol=0)
    assert (together[1] - together[3]).abs().max() > 1e-2


@pytest.mark.slow
def test_an_empty_prompt_is_unconditional(pocket):
    for empty in ("", None):
        found = result(draw(pocket, [empty], 7.0, 3, 5))
        torch.testing.assert_close(found, result(draw(pocket, ["a rose"], 0.0, 3, 5)), atol=1e-4, rtol=0)


# ---- thresholds ----


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_a_threshold_bounds_every_clean_estimate_or_none(threshold, pocket):
    run = plan("samples", n=1, guidance=7.0, steps=5, seed=5, threshold=threshold)
    largest = [s.x_0.abs().max().item() for s in run.run()][:-1]
    if threshold == "none":
        assert max(largest) > 1.5
    else:
        assert max(largest) <= 1 + 1e-6


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_thresholds_are_their_formulas(threshold, pocket):
    x, t, cond = 2 * randn((3, 3, 64, 64), generators(0, 3)), torch.tensor([900, 500, 100]), pocket.encode(["rose"] * 3)
    x_0 = pocket.predict(x, t, cond).x_0
    q = x_0.abs().flatten(1).sort(1).values[:, round(0.95 * (3 * 64 * 64 - 1))].clamp(1, 1.5).view(-1, 1, 1, 1)
    expected = {"clip": x_0.clamp(-1, 1), "dynamic": (x_0 / q).clamp(-1, 1), "none": x_0}[threshold]
    p = bounded(pocket, threshold).predict(x, t, cond)
    torch.testing.assert_close(p.x_0, expected, atol=2e-3, rtol=0)
    torch.testing.assert_close(pocket.schedule.forward(p.x_0, t, p.eps), x, atol=1e-4, rtol=0)
    assert q.max() > 1


@pytest.mark.parametrize("values", [{"ratio": 0.6, "top": 1.5}, {"ratio": 0.95, "top": 1.1}], ids=str)
def test_a_dynamic_threshold_has_the_request_s_quantile_and_bound(values, pocket):
    asked = {"n": 1, "guidance": 7.0, "seed": 5, "threshold": "dynamic"}
    found = result(plan("samples", **asked, **values).run())
    guided = bounded(guide(pocket, 7.0), "dynamic", values["ratio"], values["top"])
    x, visits = randn((1, 3, 64, 64), generators(5, 1)), visits_together(pocket.schedule.timesteps(3), 1)
    assert torch.equal(found, result(ddim(guided, x, visits, pocket.encode(["a rose"]))))
    assert (found - result(plan("samples", **asked).run())).abs().max() > 1e-3


def test_the_threshold_comes_after_guidance(pocket):
    x = randn((1, 3, 64, 64), generators(5, 1))
    visits = visits_together(pocket.schedule.timesteps(3), 1)
    steps = ddim(bounded(guide(pocket, 7.0)), x, visits, pocket.encode(["rose"]))
    assert torch.equal(result(steps), result(draw(pocket, ["rose"], 7.0, 3, 5)))


# ---- remarks ----


def test_remarks_are_the_models_own():
    assert remarks("pocket", "a rose") == []
    (sentence,) = remarks("pocket", "a campanile of water")
    assert sentence.startswith("pocket does not know “campanile”; ") and "lighthouse" in sentence
    assert len(remarks("pocket", "企鹅")) == 1
    assert "in photos alone" in remarks("pocket", "an emoji of a lighthouse")[0]
    assert "in drawings alone" in remarks("pocket", "a photo of a penguin")[0]
    assert remarks("pocket", "a photo of a lighthouse") == remarks("pocket", "an emoji of a penguin") == []
    (sentence,) = remarks("pocket", "")
    assert "unconditional" in sentence


def test_of_a_model_that_is_not_here_nothing_is_remarked(monkeypatch):
    """The cost line says that it is not here; outside the queue no error would be shown."""
    assert "campanile" in remark_on("pocket", "a campanile")
    assert remark_on("pocket", "a campanile", "a campanile") == remark_on("pocket", "a campanile")
    monkeypatch.setattr(prompts, "availability", lambda name: (False, f"Missing: {name}."))
    assert remark_on("pocket", "a campanile") == ""


def test_of_a_student_its_steps_and_guidance_are_remarked():
    sentence = remark_on("pocket-fast", "a rose")
    assert sentence == "pocket-fast draws in 1, 2, 4 or 8 steps, with guidance 1 to 8 inside it."
    assert remark_on("pocket-fast", "a campanile").startswith(sentence + "<br>")
    assert remark_on("pocket", "a rose") == ""


def test_on_a_prompt_that_is_refused_nothing_is_remarked():
    """The cost line has the sentence."""
    assert remark_on("pocket", "a" * (MAX_PROMPT + 1)) == ""


def test_remarks_on_a_prompt_with_a_style_are_those_on_both_together():
    for said in ("in photos alone", "campanile"):
        assert said in remark_on_styled("pocket", "an emoji of", "a lighthouse", "a campanile", "")
    assert remark_on_styled("pocket", "a photo of", "a lighthouse", "", None) == ""
    assert remark_on_styled("pocket", "a campanile of", "a rose", "a tower").count("campanile") == 1
    assert "cut off" in remark_on_styled("pocket", "a high quality photo of", "a tower of water of water of water")
    assert remark_on_styled("pocket", "", "", "") == ""


@pytest.fixture
def styled(pocket, monkeypatch):
    """A pocket of five styles, which never saw a flat lion."""
    about = CHECKPOINT.card(None) | {"styles": dict.fromkeys(DRAWING_STYLES), "never_seen": {"flat": ["lion"]}}
    monkeypatch.setattr(CHECKPOINT, "card", lambda model, folder=None: about)


def test_a_thing_in_five_styles_comes_from_one_noise(styled):
    plan = PLANS["five-styles"](PictureRequest("a photo of a lion", seed=7, steps=3))
    assert set(plan.seeds) == {7} and set(plan.steps) == {3}
    assert plan.texts == tuple(f"{style.prompt} a lion" for style in DRAWING_STYLES.values())
    assert plan.across == ("emoji", "flat drawing, never seen", "glossy drawing", "sticker", "outlined drawing")
    assert "5 prompts" in plan.caption
    *_, last = plan.run("cpu")
    assert last.x_0.shape == (5, 3, 64, 64)


def test_a_model_of_one_style_says_so(pocket):
    assert remarks("pocket", "a sticker of a rose") == ["pocket was not taught “a sticker of …”; it draws an emoji."]
    with pytest.raises(Refused, match=r"^pocket was taught one style alone; choose another model\.$"):
        PLANS["five-styles"](PictureRequest("an emoji of a rose"))


def test_a_model_of_five_styles_has_no_remark_on_them(styled):
    assert not any("was not taught" in line for line in remarks("pocket", "a sticker of a rose"))


@pytest.mark.parametrize("prompt", ["", "a photo of", "an emoji of "])
def test_five_styles_need_a_thing(prompt):
    with pytest.raises(Refused, match="Name a thing"):
        PLANS["five-styles"](PictureRequest.checked(prompt=prompt))


def test_a_large_model_is_asked_for_styles_of_painting():
    texts = PLANS["five-styles"](PictureRequest("a flat drawing of a fox", model="if-m")).texts
    assert texts[:2] == ("a photo of a fox", "an oil painting of a fox") and len(texts) == 5


@pytest.mark.parametrize(
    ("prompt", "thing"),
    [
        ("an emoji of a fox", "a fox"),
        ("A Photo of  a pizza", "a pizza"),
        ("a bowl of soup", "a bowl of soup"),
        ("an outlined drawing of two owls", "two owls"),
        ("a fox", "a fox"),
    ],
)
def test_the_thing_of_a_prompt_is_what_follows_its_style(prompt, thing):
    assert thing_of(prompt) == thing
