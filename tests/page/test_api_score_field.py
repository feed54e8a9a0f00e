"""The score field as a program calls it: streams, bad input in one sentence, and trainings that end, go on and share."""

import json
import time

import pytest
from calling import free_port, raw
from gradio_client.exceptions import AppError

from core.runs.point_training import TRAININGS
from core.runs.score_field import ScoreFieldRequest
from tabs.score_field.page import build
from tabs.ui.page import alone

pytestmark = pytest.mark.page
SMALL = {"width": 16, "depth": 2, "batch": 32}


@pytest.fixture(scope="module")
def address():
    """Where the tab alone answers, in this process."""
    page = alone("Score field", build).queue()
    _, url, _ = page.launch(server_port=free_port(), prevent_thread_lock=True, quiet=True, _frontend=False)
    yield url
    page.close()


@pytest.fixture(scope="module")
def here(address):
    """A client of it."""
    from gradio_client import Client

    return Client(address, verbose=False)


def until(settled, what: str, seconds: float = 120):
    """Wait until `settled()` is true."""
    late = time.monotonic() + seconds
    while not settled():
        assert time.monotonic() < late, f"In {seconds:g} s there was not {what}."
        time.sleep(0.05)


def test_sample_streams_a_figure_for_each_sampler(here):
    job = here.submit(samplers=["ddim", "heun"], steps=5, count=100, api_name="/score_field_sample")
    figures = [figure for figure, _ in job]
    assert [len(f["panels"]) for f in figures] == [1, 2]
    assert figures[0]["fraction"] == 0.5 and figures[-1]["fraction"] is None
    assert figures[-1]["panels"][1]["points"]["at"]["shape"] == [6, 100, 2]


@pytest.mark.parametrize("view, frames", [("forward", 25), ("score", 25), ("guide", 5), ("quality", 1)])
def test_every_view_can_be_called(here, view, frames):
    figure, training = here.predict(
        samplers=["ddim"], steps=4, count=100, guides=["none", "cfg"], api_name=f"/score_field_{view}"
    )
    assert figure["frames"] == frames and figure["caption"] and training == ""


def test_train_streams_its_progress_and_the_network_serves_sample(here):
    job = here.submit(**SMALL, updates=100, api_name="/score_field_train")
    answers = list(job)
    (last, training) = answers[-1]
    assert answers[0][0]["fraction"] == 0 and last["fraction"] is None and "100 updates" in last["status"]
    assert {key for _, key in answers} == {training} and last["run"] == training
    figure, same = here.predict(
        model="learned", training=training, samplers=["heun"], steps=3, count=100, api_name="/score_field_sample"
    )
    assert "trained here" in figure["caption"] and same == training
    once, _ = here.predict(**SMALL, training=training, api_name="/score_field_train_once")
    assert once["labels"] == ["update 101"]
    whole, _ = here.predict(training=training, api_name="/score_field_train", **SMALL, updates=100)
    assert whole["labels"][-1] == "update 201"


@pytest.mark.parametrize(
    "name, values, sentence",
    [
        ("train", {"rate": 1e9}, "learning rate must be a number from 0.0001 to 0.5"),
        ("train", {"updates": 0}, "number of updates must be"),
        ("train", {"data": "drawn"}, "There are no points yet"),
        ("sample", {"steps": 0}, "steps must be a whole number from 1 to 100"),
        ("sample", {"samplers": ["magic"]}, "samplers must be one of"),
        ("sample", {"samplers": []}, "samplers must be one or more of"),
        ("sample", {"samplers": "ddim"}, "choices must be a list"),
        ("sample", {"samplers": None}, "choices must be a list"),
        ("sample", {"rows": {"points": [[0, 0], [1, "x"]]}}, "Point 2 needs two finite numbers"),
        ("sample", {"rows": 3}, "points must be a list of rows"),
        ("sample", {"data": "word", "word": "!!"}, "Type a word with letters"),
        ("sample", {"data": "word", "word": "x" * 10_000}, "at most 16 letters"),
        ("sample", {"model": "learned"}, "No network is trained here yet"),
        ("sample", {"model": "learned", "training": ["x"]}, "No network is trained here yet"),
        ("guide", {"data": "drawn", "rows": {"points": [[0, 0, 1]]}}, "two classes"),
        ("guide", {"guides": []}, "guidance must be one or more of"),
        ("forward", {"count": 10**9}, "points drawn must be"),
        ("forward", {"seed": "x"}, "seed must be"),
    ],
)
def test_bad_input_gets_one_sentence(here, name, values, sentence):
    with pytest.raises(AppError, match=sentence) as error:
        here.predict(**values, api_name=f"/score_field_{name}")
    assert "Traceback" not in str(error.value)


def test_numbers_that_json_does_not_know_get_one_sentence(address):
    class Server:
        url = address

    values = ScoreFieldRequest().parameters() | {"rate": float("nan"), "rows": {"points": [[float("inf"), 0]]}}
    body = json.dumps({"data": list(values.values())})
    assert "Point 1 needs two finite numbers" in raw(Server, "score_field_forward", body)
    values |= {"rows": {"points": []}}
    assert "learning rate must be" in raw(Server, "score_field_train", json.dumps({"data": list(values.values())}))


def begun(here, **values):
    """A long training under way, and its id."""
    job = here.submit(**SMALL, updates=10_000, **values, api_name="/score_field_train")
    until(lambda: len(job.outputs()) > 1, "a second figure")
    return job, job.outputs()[0][1]


def test_one_update_takes_over_from_a_training_under_way_which_ends(here):
    job, training = begun(here)
    here.predict(**SMALL, training=training, api_name="/score_field_train_once")
    until(job.done, "its end")
    step = TRAININGS.get(training).step
    time.sleep(1)
    assert TRAININGS.get(training).step == step < 10_000


def test_a_training_that_is_cancelled_stops_at_once_and_can_go_on(here):
    job, training = begun(here)
    learner = TRAININGS.get(training)
    job.cancel()
    left = time.monotonic()
    figure, _ = here.predict(**SMALL, training=training, api_name="/score_field_train_once")
    assert time.monotonic() - left < 4
    step = learner.step
    assert figure["labels"] == [f"update {step:,}"]
    time.sleep(1)
    assert learner.step == step < 10_000, "the first training goes on"


def test_two_people_train_at_once_and_both_get_on(here, address):
    from gradio_client import Client

    other = Client(address, verbose=False)
    (first, a), (second, b) = begun(here), begun(other, data="rings")
    assert a != b
    steps = [TRAININGS.get(key).step for key in (a, b)]
    until(
        lambda: all(TRAININGS.get(k).step > s + 100 for k, s in zip((a, b), steps, strict=True)), "100 updates of both"
    )
    ends = [TRAININGS.get(key).step - s for key, s in zip((a, b), steps, strict=True)]
    first.cancel()
    second.cancel()
    assert min(ends) > 0.25 * max(ends)


def test_a_table_is_read_and_a_bad_one_refused_with_its_line(here, tmp_path):
    from gradio_client import handle_file

    (tmp_path / "t.csv").write_text("x;y;who\n1;1;a\n3;3;b\n")
    sheet, data = here.predict(handle_file(str(tmp_path / "t.csv")), api_name="/score_field_table")
    assert data == "drawn" and sheet
    for text, sentence in (
        ("1,2\n3\n", "Line 2 needs two finite numbers"),
        ("", "has no points"),
        ("1\n" * 3, "Line 1"),
    ):
        (tmp_path / "bad.csv").write_text(text)
        with pytest.raises(AppError, match=sentence):
            here.predict(handle_file(str(tmp_path / "bad.csv")), api_name="/score_field_table")
