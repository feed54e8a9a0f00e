"""The score field's request and its views: what is refused, and what a figure holds."""

import dataclasses

import numpy as np
import pytest
import torch

from core.checks import Refused
from core.diffusion.noise import generator
from core.runs import plane_guidance
from core.runs.panels import Figure
from core.runs.plane_guidance import BLUR, guided_by, second
from core.runs.plane_sampling import COUNTS, FRAMES, Judge
from core.runs.plane_views import ARROWS, CELLS, LEVELS, VIEWS, grid
from core.runs.point_training import TRAININGS, PointTraining
from core.runs.points import OWN, SETS, PointSet
from core.runs.score_field import GUIDES, PATHS, SAMPLERS, ScoreFieldRequest

R = ScoreFieldRequest
CORNERS = ((1.0, 1.0, 0), (-1.0, -1.0, 1))
EVERY_PATH = pytest.mark.parametrize("path", PATHS)
FEW = {"count": 100, "steps": 3}


def last(view: str, **values) -> Figure:
    """The last figure of a view."""
    *_, figure = VIEWS[view](R.checked(**FEW | values))
    return figure


def network(updates: int = 0, **values) -> R:
    """A request for a network of this process after that many updates."""
    r = R.checked(**FEW | {"model": "learned", "width": 32, "depth": 2} | values)
    training = PointTraining(r.points(), r.recipe(), r.subject)
    TRAININGS.add(training)
    for _ in zip(range(updates), training.updates(), strict=False):
        pass
    return dataclasses.replace(r, training=training.id)


# ---- the request ----


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"rate": 1e9}, "learning rate must be a number from 0.0001 to 0.5"),
        ({"rate": float("nan")}, "learning rate must be"),
        ({"rate": 0}, "learning rate must be"),
        ({"steps": 0}, "steps must be a whole number from 1 to 100"),
        ({"steps": 101}, "steps must be"),
        ({"samplers": ["magic"]}, "samplers must be one of langevin, plain, ddpm, ddim, heun"),
        ({"samplers": []}, "samplers must be one or more of langevin"),
        ({"samplers": "ddim"}, "must be a list"),
        ({"samplers": None}, "must be a list"),
        ({"samplers": [1]}, "samplers must be one of"),
        ({"samplers": ["ddim"] * 100}, "at most 99"),
        ({"guides": []}, "guidance must be one or more of none, classifier, cfg, auto"),
        ({"guides": ["none", "strong"]}, "guidance must be one of"),
        ({"data": "moon"}, "points must be one of moons"),
        ({"data": ["moons"]}, "points must be one of moons"),
        ({"components": 1}, "number of Gaussians must be a whole number from 2 to 8"),
        ({"components": 9}, "number of Gaussians must be"),
        ({"noising": "steep"}, "path must be one of cosine, linear, flow"),
        ({"model": "best"}, "denoiser must be one of exact, learned"),
        ({"count": 0}, "points drawn must be a whole number from 100 to 2000"),
        ({"count": 10**6}, "points drawn must be"),
        ({"scale": -1}, "scale w must be a number from 0 to 10"),
        ({"scale": float("inf")}, "scale w must be"),
        ({"target": "w"}, "must be one of v, eps, x_0, u"),
        ({"width": 1024}, "width must be a whole number from 16 to 256"),
        ({"depth": 1}, "number of layers must be a whole number from 2 to 4"),
        ({"batch": 0}, "batch must be a whole number from 16"),
        ({"updates": 10**9}, "number of updates must be a whole number from 100"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"rows": [[0, 0], ["x", 1]]}, "Point 2 needs two finite numbers"),
        ({"rows": "0,0"}, "points must be a list of rows"),
    ],
)
def test_a_bad_value_is_refused_in_one_sentence(values, sentence):
    with pytest.raises(Refused, match=sentence) as error:
        R.checked(**values)
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


def test_several_are_kept_once_each_in_the_order_of_the_table():
    assert R.checked(samplers=["heun", "ddpm", "heun"]).samplers == ("ddpm", "heun")


def test_settings_come_back_from_what_a_picture_keeps():
    r = R.checked(data="drawn", rows=[[1, 2, 1], [0, 0]], samplers=["ddim"], guides=["cfg"], steps=7, noising="flow")
    import json

    assert R.restored(json.loads(json.dumps(r.settings()))) == r


@pytest.mark.parametrize(
    "change", [{"data": "rings"}, {"noising": "flow"}, {"data": "gaussians", "components": 3}, {"data": "word"}]
)
def test_other_data_or_another_path_is_another_subject(change):
    r = R()
    assert dataclasses.replace(r, **change).subject != r.subject
    assert dataclasses.replace(r, components=8, word="X", rows=CORNERS, steps=3, rate=0.1).subject == r.subject


def test_own_data_is_another_subject_as_it_changes():
    assert R(data="drawn", rows=CORNERS).subject != R(data="drawn", rows=CORNERS[:1]).subject
    assert R(data="word", word="A").subject != R(data="word", word="B").subject
    assert R(data="gaussians", components=2).subject != R(data="gaussians", components=3).subject


@pytest.mark.parametrize("data", [*SETS, *OWN])
def test_a_caption_names_the_data(data):
    about = R(data=data, components=7, word="HELLO").about
    assert {"gaussians": "7 Gaussians", "word": "HELLO"}.get(data, (SETS | OWN)[data]) in about


# ---- what every figure holds ----


def assert_whole(figure: Figure):
    """All parts are finite, fit each other, and have as many frames as there are labels, or one."""
    frames = len(figure.labels)
    assert 0 <= figure.at < frames and figure.caption and figure.description
    for p in figure.panels:
        for part, tail in ((p.points, 2), (p.arrows, 2), (p.density, CELLS)):
            if part is not None:
                assert part.dtype == np.float32 and part.shape[0] in (1, frames) and part.shape[2] == tail
                assert np.isfinite(part).all()
        if p.arrows is not None:
            assert p.arrows.shape[1:] == p.places.shape == (ARROWS**2, 2)
        if p.classes is not None:
            assert p.classes.dtype == np.uint8 and p.classes.shape == p.points.shape[1:2]
        if p.density is not None:
            assert p.density.min() >= 0
            np.testing.assert_allclose(p.density.max((1, 2)), 1, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("path", ["cosine", "flow"])
def test_every_figure_of_a_view_is_whole_and_the_last_one_is_done(view, path):
    figures = list(VIEWS[view](R.checked(**FEW | {"noising": path, "samplers": ["ddim", "heun"]})))
    for figure in figures:
        assert_whole(figure)
    assert all(0 < figure.fraction < 1 and figure.status for figure in figures[:-1])
    assert figures[-1].fraction is None and not figures[-1].status


@pytest.mark.slow
@pytest.mark.parametrize(
    "path, data", [("cosine", data) for data in [*SETS, *OWN]] + [("linear", "tree"), ("flow", "tree")]
)
def test_score_shows_every_data_on_every_path(data, path):
    figure = last("score", data=data, noising=path, rows=CORNERS)
    assert_whole(figure)
    assert len(figure.labels) == LEVELS and len(figure.panels) == 1


@pytest.mark.slow
@pytest.mark.parametrize("rows", [[[0.5, 0.5]], [[1, 1]] * 5, [[1e25, 0], [-1e25, 3]]], ids=["one", "alike", "far"])
@pytest.mark.parametrize("view", ["forward", "score", "sample", "quality"])
def test_one_point_points_all_alike_and_points_far_away_are_shown(view, rows):
    figure = last(view, data="drawn", rows=rows, samplers=["ddim"])
    assert_whole(figure)


@pytest.mark.slow
def test_ten_thousand_points_are_shown():
    rows = [(x, y, int(x > 0)) for x, y in torch.randn(10_000, 2, generator=generator(1)).tolist()]
    for view in ("forward", "guide"):
        assert_whole(last(view, data="drawn", rows=rows))


@pytest.mark.parametrize("view", VIEWS)
def test_no_points_are_refused_in_every_view(view):
    with pytest.raises(Refused, match="There are no points yet"):
        last(view, data="drawn")


# ---- forward and score ----


@EVERY_PATH
def test_forward_goes_from_the_data_to_noise(path):
    figure = last("forward", data="rings", noising=path, count=2000)
    first, *_, end = figure.panels[0].points
    radius = np.linalg.norm(first, axis=1)
    assert (np.minimum(abs(radius - 0.8), abs(radius - 1.8)) < 0.35).all()
    np.testing.assert_allclose(np.cov(end.T), np.eye(2), atol=0.1)
    assert figure.labels[0].startswith("t = 0 ") and figure.labels[-1].startswith("t = 999 ")


def test_the_grid_has_its_first_place_at_the_top_left():
    places = grid(4)
    assert (
        places[0].tolist() == [-2.25, 2.25]
        and places[1].tolist() == [-0.75, 2.25]
        and places[-1].tolist() == [2.25, -2.25]
    )


def test_the_arrows_are_the_score():
    r = R.checked(**FEW | {"data": "gaussians", "components": 3})
    mixture, figure = r.points().denoiser(r.schedule()), last("score", data="gaussians", components=3)
    t = torch.full((ARROWS**2,), round(999 * 10 / (LEVELS - 1)))
    expected = mixture.score(grid(ARROWS), t)
    np.testing.assert_allclose(figure.panels[0].arrows[10], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_the_learned_score_stands_beside_the_exact_one_with_their_difference():
    r = network(30)
    (figure,) = VIEWS["score"](r)
    exact, learned, apart = figure.panels
    assert [p.title for p in figure.panels] == ["Exact score", "Learned score", "Learned - exact"]
    np.testing.assert_allclose(apart.arrows, learned.arrows - exact.arrows)
    assert np.abs(apart.arrows).max() > 0.1 and "30 updates" in learned.note


# ---- sampling ----


@pytest.mark.slow
def test_samplers_begin_at_one_noise_and_end_on_the_data():
    figure = last("sample", samplers=list(SAMPLERS), steps=20, count=300)
    assert [p.title for p in figure.panels] == list(SAMPLERS.values())
    starts = [p.points[0] for p in figure.panels]
    assert all(np.array_equal(start, starts[0]) for start in starts)
    assert all(len(p.points) == len(figure.labels) for p in figure.panels)
    for p in figure.panels:
        near = np.linalg.norm(p.points[-1][:, None] - p.truth[None], axis=2).min(1)
        assert (near < 0.4).mean() > 0.9, p.title


@pytest.mark.parametrize(
    "name, steps, calls",
    [
        ("ddim", 1, 1),
        ("heun", 1, 1),
        ("ddpm", 7, 7),
        ("ddim", 7, 7),
        ("heun", 7, 13),
        pytest.param("langevin", 7, 1000, marks=pytest.mark.slow),
    ],
)
def test_a_note_tells_the_calls_and_frames_are_at_most_33(name, steps, calls, monkeypatch):
    from core.diffusion.closed_form import Mixture

    made, predict = [], Mixture.predict
    monkeypatch.setattr(Mixture, "predict", lambda *args: made.append(1) or predict(*args))
    figure = last("sample", samplers=[name], steps=steps)
    steps_told = "10 levels of 100 steps" if name == "langevin" else f"{steps} step"
    assert figure.panels[0].note.startswith(steps_told)
    assert f", {calls:,} network call" in figure.panels[0].note
    assert len(made) == calls + (name == "langevin"), "the last one of Langevin is the clean estimate"
    assert (
        len(figure.labels) <= FRAMES
        and figure.labels[0] == "0 % of the way"
        and figure.labels[-1] == "100 % of the way"
    )


def test_the_same_seed_gives_the_same_figure_and_another_another():
    first, again, other = (last("sample", samplers=["ddpm"], seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.panels[0].points, again.panels[0].points)
    assert not np.array_equal(first.panels[0].points, other.panels[0].points)


@pytest.mark.slow
def test_the_preset_of_langevin_shows_weights_lost_without_annealing():
    figure = last("sample", data="unequal", samplers=["langevin", "plain"], count=2000)
    annealed, plain = ((p.points[-1][:, 0] > 0).mean() for p in figure.panels)
    assert annealed == pytest.approx(0.8, abs=0.04) and plain == pytest.approx(0.5, abs=0.05)


@pytest.mark.slow
def test_quality_falls_with_steps_and_every_chart_has_its_counts():
    figure = last("quality", samplers=["ddim", "heun"], count=500)
    (chart,) = figure.charts
    assert [line.name for line in chart.lines] == [SAMPLERS["ddim"], SAMPLERS["heun"]]
    assert list(chart.lines[0].x) == list(COUNTS) and list(chart.lines[1].x) == [2 * n - 1 for n in COUNTS]
    for line in chart.lines:
        assert line.y[0] > 5 * line.y[-1] and line.y[-1] < 4 * chart.fresh


@pytest.mark.slow
def test_langevin_alone_leaves_quality_the_samplers_with_steps():
    assert len(last("quality", samplers=["langevin"]).charts[0].lines) == 3


def test_the_distance_of_fresh_data_is_that_of_fresh_data():
    points = R().points()
    judge = Judge(points, 500, 0)
    fresh = judge.of(points.draw(500, generator(12345))[0])
    assert 0.3 < fresh / judge.fresh < 3 and judge.of(points.draw(500, generator(1))[0] + 0.5) > 10 * judge.fresh


# ---- guidance ----


def test_guides_begin_at_one_noise_and_find_the_class_asked_for():
    figure = last("guide", data="gaussians", components=2, steps=20, count=400)
    assert [p.title.split(",")[0] for p in figure.panels] == list(GUIDES.values())
    for p in figure.panels:
        assert np.array_equal(p.points[0], figure.panels[0].points[0])
        side = (p.points[-1][:, 0] < 0) == (p.classes == 1)  # class 0 stands right, class 1 left
        assert side.mean() > 0.97, p.title
        share = float(p.note.split("at the end: ")[1].split("%")[0]) / 100
        assert share == pytest.approx(side.mean(), abs=0.011)


def test_classifier_and_classifier_free_guidance_agree_where_both_are_exact():
    """cfg's eps_u + w (eps_c - eps_u) is classifier guidance by Bayes' rule."""
    r, classes = R.checked(data="tree", scale=2.5), torch.arange(60) % 2
    x, t = torch.randn(60, 2, generator=generator(1)), torch.full((60,), 400)
    found = []
    for name in ("cfg", "classifier"):
        model, prompts = guided_by(r, name, classes)
        found.append(model.predict(x, t, model.encode(prompts)).eps)
    torch.testing.assert_close(found[0], found[1], atol=2e-3, rtol=1e-3)


def test_the_exact_weaker_denoiser_is_the_blurred_one():
    r, classes = R.checked(data="gaussians", scale=3), torch.arange(60) % 2
    x, t = torch.randn(60, 2, generator=generator(1)), torch.full((60,), 300)
    model, prompts = guided_by(r, "auto", classes)
    strong, weak = (r.points().denoiser(r.schedule(), blur) for blur in (0.0, BLUR))
    a, b = (m.predict(x, t, m.encode(prompts)).eps for m in (strong, weak))
    torch.testing.assert_close(model.predict(x, t, model.encode(prompts)).eps, b + 3 * (a - b))


@pytest.mark.parametrize("rows", [[[0, 0, 0], [1, 1, 0]], [[0, 0, 1]], [[0, 0]]])
def test_one_class_alone_is_refused(rows):
    with pytest.raises(Refused, match="two classes: draw some in the other colour"):
        last("guide", data="drawn", rows=rows)


@pytest.mark.parametrize("scale", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("name", GUIDES)
def test_the_note_on_a_guides_cost_tells_the_calls_that_are_made(name, scale, monkeypatch):
    """Per step: the pictures that the model, the weaker one and the classifier compute, and the words on them."""
    r, classes, made = R.checked(data="gaussians", scale=scale), torch.arange(6) % 2, {}
    counted = lambda key, f: lambda x, *rest: made.update({key: made.get(key, 0) + len(x) // 6}) or f(x, *rest)  # noqa: E731
    real = PointSet.denoiser

    def denoiser(points, schedule, blur=0.0):
        model = real(points, schedule, blur)
        model.predict = counted("weaker" if blur else "model", model.predict)
        return model

    monkeypatch.setattr(PointSet, "denoiser", denoiser)
    log_p = lambda r, classes: counted("classifier", lambda x, t: x.sum(1))  # noqa: E731
    monkeypatch.setattr(plane_guidance, "log_posterior", log_p)
    model, prompts = guided_by(r, name, classes)
    model.predict(torch.randn(6, 2, generator=generator(1)), torch.full((6,), 300), model.encode(prompts))
    words = {
        "": {"model": 1},
        " of two halves": {"model": 2},
        ", each with one of the weaker": {"model": 1, "weaker": 1},
        ", all of the weaker alone": {"weaker": 1},
        ", each with one of the classifier": {"model": 1, "classifier": 1},
    }
    assert words[second(r, name)] == made


def test_one_point_of_the_other_class_among_thousands_is_guided_to():
    """The kernel estimate and the drawn data have both classes, however rare one is."""
    rows = [(0.001 * (k % 1000), 0.0, 0) for k in range(9999)] + [(-2.0, 0.0, 1)]
    figure = last("guide", data="drawn", rows=rows, guides=["none", "cfg"], steps=10)
    assert_whole(figure)
    assert all("nan" not in p.note for p in figure.panels)


@pytest.mark.parametrize("scale", [0, 10])
@EVERY_PATH
def test_the_ends_of_the_scale_stay_in_sight(scale, path):
    figure = last("guide", noising=path, scale=scale, steps=5)
    assert max(np.abs(p.points[-1]).max() for p in figure.panels) < 50


# ---- the learned denoiser ----


@pytest.mark.parametrize("view", ["sample", "guide", "quality"])
def test_a_network_that_is_not_there_is_refused(view):
    for key in ("", "no such id", "x" * 10_000):
        with pytest.raises(Refused, match="No network is trained here yet"):
            last(view, model="learned", training=key)


@pytest.mark.parametrize("view", ["sample", "guide", "quality"])
def test_a_network_of_other_data_or_another_path_is_refused(view):
    r = network()
    for change in ({"data": "rings"}, {"noising": "flow"}):
        with pytest.raises(Refused, match="learned other points or another path"):
            list(VIEWS[view](dataclasses.replace(r, **change)))


@pytest.mark.slow
@pytest.mark.parametrize("view", ["sample", "guide", "quality"])
def test_a_learned_network_serves_the_views(view):
    r = network(100, data="gaussians", components=2)
    *_, figure = VIEWS[view](dataclasses.replace(r, samplers=("ddim", "heun")))
    assert_whole(figure)
    assert "trained here" in figure.caption
