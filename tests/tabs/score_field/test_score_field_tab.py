"""The tab Score field: its presets, what its figures send, its files, and which inputs are shown."""

import inspect
import json

import gradio as gr
import numpy as np
import pytest

from core.checks import Refused
from core.pictures import images
from core.runs.panels import Chart, Figure, Line, Panel
from core.runs.score_field import ScoreFieldRequest
from tabs.score_field import job
from tabs.score_field.page import VIEWS, ScoreField, back, build
from tabs.score_field.presets import PRESETS
from tabs.ui.page import alone

SHEET = np.zeros((8, 8, 3), np.uint8)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_request_that_the_checks_pass_and_a_button_runs(name):
    maker, request = PRESETS[name]
    assert ScoreFieldRequest.checked(**request.parameters()) == request
    assert maker in job.MAKERS and maker in (job.SUB_TAB[maker], *VIEWS[job.SUB_TAB[maker]].buttons)


def test_every_view_is_a_sub_tab_and_every_input_has_its_place():
    page = alone("Score field", build)
    found = {b.id: b.label for b in page.blocks.values() if b.get_block_name() == "tabitem" and b.id in VIEWS}
    assert found == {name: view.title for name, view in VIEWS.items()}
    placed = {field for view in VIEWS.values() for field in view.fields}
    assert placed <= set(ScoreFieldRequest.names())


@pytest.mark.parametrize("name", job.HANDLERS)
def test_a_handler_has_the_parameters_of_the_request_with_their_defaults(name):
    parameters = inspect.signature(job.HANDLERS[name]).parameters
    assert {p.name: p.default for p in parameters.values()} == ScoreFieldRequest().parameters()


def test_a_pause_before_the_first_update_shows_what_train_shows_at_first():
    ((value, _),) = job.paused(*ScoreFieldRequest().parameters().values())
    assert value["status"] == "Press Start." and len(value["panels"]) == 1


def test_a_handler_answers_with_what_the_plane_shows_as_json():
    (answer,) = job.HANDLERS["forward"](data="rings", count=100, seed=3)
    value, training = answer
    assert training == ""
    value = json.loads(json.dumps(value))
    assert value["frames"] == len(value["labels"]) and value["settings"]["experiment"] == "forward"
    assert ScoreFieldRequest.restored(value["settings"]) == ScoreFieldRequest(data="rings", count=100, seed=3)


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"rate": 1e9}, "The learning rate must be"),
        ({"data": "drawn"}, "There are no points yet"),
        ({"rows": {"points": [["a", 1]]}}, "Point 1 needs two finite numbers"),
        ({"model": "learned"}, "No network is trained here yet"),
    ],
)
def test_a_refusal_is_told_in_its_sentence_and_is_not_logged(values, sentence, caplog):
    with pytest.raises(gr.Error, match=sentence):
        list(job.HANDLERS["sample"](**values))
    assert not caplog.records


def test_the_parts_of_a_figure_travel():
    line = Line("loss", [1, 2], [0.5, 0.25], True)
    figure = Figure(
        [Panel("A", "note", points=np.zeros((2, 5, 2)), classes=np.zeros(5, np.uint8), paths=3)],
        ["a", "b"], at=1, caption="c", description="d", status="s", fraction=0.5, live=True, run="r",
        charts=[Chart("Loss", "x", "y", [line], (False, True), 0.1)],
    )  # fmt: skip
    value = job.plane_value(figure, {"seed": 1})
    assert (value["frames"], value["at"], value["keep"], value["fraction"], value["run"]) == (2, 1, True, 0.5, "r")
    assert value["panels"][0]["points"]["at"]["shape"] == [2, 5, 2] and value["panels"][0]["paths"] == 3
    assert value["charts"] == [
        {
            "title": "Loss", "x": "x", "y": "y", "log": [False, True], "within": [None, None], "fresh": 0.1,
            "series": [{"name": "loss", "x": [1, 2], "y": [0.5, 0.25], "dashed": True}],
        }
    ]  # fmt: skip


def page_values(**values) -> list:
    """What the inputs send."""
    return list(ScoreFieldRequest.checked(**{"count": 100} | values).parameters().values())


@pytest.mark.parametrize(
    "view, panels, said", [("sample", 4, "Press Sample."), ("guide", 4, "Press Guide."), ("train", 1, "Press Start.")]
)
def test_an_opened_view_shows_what_its_button_will_run(view, panels, said):
    ((value, training),) = job.opening_of(view, *page_values(data="rings"))
    assert len(value["panels"]) == panels and value["status"] == said and training == gr.skip()
    assert value["settings"]["experiment"] == view and "rings" in value["caption"]
    if view != "train":
        assert all("steps" in p["note"] and "network calls" in p["note"] for p in value["panels"])


def test_train_that_is_opened_again_shows_the_training_so_far():
    request = ScoreFieldRequest.checked(width=16, depth=2, batch=16)
    ((_, training),) = job.HANDLERS["train_once"](**request.parameters())
    ((value, _),) = job.opening_of("train", *page_values(width=16, depth=2, batch=16, training=training))
    assert value["run"] == training and "1 updates" in value["status"] and len(value["charts"]) == 2
    forgotten, none = job.forgotten(*page_values(data="roll", training=training))
    assert none == "" and forgotten["status"] == "Press Start." and "Swiss roll" in forgotten["caption"]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("how", [job.follow, job.opening_of])
def test_without_drawn_points_every_view_asks_for_them_and_refuses_nothing(view, how):
    ((value, training),) = how(view, *page_values(data="drawn"))
    assert value["caption"].startswith("Draw your points on the sheet") and training == gr.skip()
    assert len(value["panels"]) == 1 and value["panels"][0]["points"] is None


@pytest.mark.parametrize("maker", job.SUB_TAB)
def test_a_saved_picture_tells_the_view_it_was_taken_in(tmp_path, maker):
    (tmp_path / "p.png").write_bytes(images.png(SHEET, ScoreFieldRequest().settings() | {"experiment": maker}))
    view = job.view_of(str(tmp_path / "p.png"))
    assert maker in (view, *VIEWS[view].buttons, "trained_so_far")
    (tmp_path / "p.png").write_bytes(images.png(SHEET, ScoreFieldRequest().settings()))
    assert job.view_of(str(tmp_path / "p.png")) == "forward"


@pytest.mark.slow
def test_every_mark_of_a_figure_has_its_words_in_the_legend():
    marks = {
        view: [name for name, _ in next(iter(job.HANDLERS[view](count=100)))[0]["legend"]]
        for view in ("forward", "score")
    }
    assert marks == {
        "forward": ["class A", "class B", "paths", "arrows", "density"], "score": ["truth", "arrows", "density"],
    }  # fmt: skip


def test_the_rate_is_a_list_that_takes_other_numbers_too():
    rate = ScoreField().form["rate"]
    assert isinstance(rate, gr.Dropdown) and rate.allow_custom_value and rate.value == 0.005
    assert ScoreFieldRequest.checked(rate="0.004").rate == 0.004


@pytest.mark.slow
def test_only_views_without_a_button_follow_their_inputs():
    values = list(ScoreFieldRequest(count=100).parameters().values())
    for view in VIEWS:
        made = list(job.follow(view, *values))
        assert len(made) == 1 and (made[0][0] == gr.skip()) == (view not in job.FOLLOWING)
    assert all(bool(view.buttons) == (name not in job.FOLLOWING) for name, view in VIEWS.items())


def test_a_table_fills_the_sheet_and_chooses_it(tmp_path):
    (tmp_path / "t.csv").write_text("x,y,class\n0,0,a\n2,2,b\n")
    sheet, data = job.upload(str(tmp_path / "t.csv"))
    assert sheet == {"points": [[-1.0, -1.0, 0], [1.0, 1.0, 1]]} and data == "drawn"
    assert "centred (their mean was 1, 1)." in job.remark(str(tmp_path / "t.csv"))
    (tmp_path / "t.csv").write_text("x,y\n0,0\n1,z\n")
    with pytest.raises(gr.Error, match="Line 3 needs"):
        job.upload(str(tmp_path / "t.csv"))


@pytest.mark.parametrize("data", ["tree", "drawn"])
def test_a_saved_picture_gives_its_settings_back_with_drawn_points_but_no_network(tmp_path, data):
    request = ScoreFieldRequest.checked(data=data, samplers=["heun"], rows=[[0.5, 1, 1]], training="gone", steps=9)
    (tmp_path / "p.png").write_bytes(images.png(SHEET, request.settings() | {"experiment": "sample"}))
    values = dict(zip(ScoreFieldRequest.names(), job.restore(str(tmp_path / "p.png")), strict=True))
    rows = [[0.5, 1.0, 1]] if data == "drawn" else []
    assert values == request.parameters() | {"training": "", "rows": {"points": rows}}
    (tmp_path / "p.png").write_bytes(images.png(SHEET, {"app": images.SETTINGS_KEY, "kind": "picture"}))
    with pytest.raises((gr.Error, Refused), match="holds no settings of this tab"):
        job.restore(str(tmp_path / "p.png"))


def test_the_inputs_of_the_chosen_data_are_shown():
    for data, shown in (("gaussians", 0), ("word", 1), ("drawn", 2), ("moons", None)):
        assert [update["visible"] for update in job.own_inputs(data)] == [k == shown for k in range(3)]


def test_the_last_figure_before_a_reload_fills_its_view_and_inputs_but_for_the_network():
    settings = ScoreFieldRequest(data="rings", steps=7, training="abc").settings() | {"experiment": "quality"}
    tabs, view, *values = back({"run": settings})
    assert (tabs.selected, view) == ("sample", "sample")
    values = dict(zip(ScoreFieldRequest.names(), values, strict=True))
    assert (values["data"], values["steps"], values["training"]) == ("rings", 7, "")


@pytest.mark.parametrize("view", [None, {}, {"run": "abc"}, {"run": {"data": "nothing"}}, {"run": {"steps": [1]}}])
def test_what_is_no_figure_is_refused_in_words(view):
    with pytest.raises(gr.Error) as e:
        back(view)
    assert e.value.message[0].isupper() and e.value.message.endswith(".")


@pytest.mark.parametrize("experiment", [None, 3, ["sample"], "nothing"])
def test_settings_of_no_view_open_the_first(experiment):
    assert job.view_in({"experiment": experiment}) == "forward"
