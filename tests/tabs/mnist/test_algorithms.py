"""The algorithms beside their code, and the diagrams of the digits' networks."""

import inspect
from pathlib import Path

import pytest

from core.checks import ModelError
from core.models.registry import availability
from tabs.mnist import algorithms
from tabs.mnist.algorithms import ALGORITHMS, NETWORKS, OPERATIONS, Line, box, networks, place_of

ROOT = Path(__file__).parents[3]
LINES = {(line.within, line.code): line for lines in ALGORITHMS.values() for line in lines}
HERE = all(availability(name)[0] for name in NETWORKS)


@pytest.mark.parametrize("line", LINES.values(), ids=lambda line: line.code)
def test_every_line_stands_once_in_its_function_and_where_it_is_said_to(line):
    source = inspect.getsource(inspect.unwrap(line.within))
    assert source.count(line.code) == 1
    file, number, around = place_of(line)
    assert file.startswith("core/") and line.code in (ROOT / file).read_text().splitlines()[number - 1]
    assert sum(line.code in text for text in around) == 1 and 3 <= len(around) <= 5


def test_the_courses_four_and_those_of_flow_matching():
    titles = [*ALGORITHMS]
    assert [t[:3] for t in titles[:4]] == ["B.1", "B.2", "B.3", "B.4"] and len(titles) == 8
    for title, lines in ALGORITHMS.items():
        trains, knows = "raining" in title, "class" in title
        assert (lines[0] is algorithms.REPEAT) == trains and (lines[-1] is algorithms.DONE) != trains
        assert (algorithms.DROP in lines) == (trains and knows)
        guided = {algorithms.GUIDED, algorithms.FLOW_GUIDED} & {*lines}
        assert bool(guided) == (knows and not trains)


def test_code_is_escaped_and_the_line_that_is_meant_is_marked():
    line = Line("<b>a</b>", box, 'return f\'<section class="algo">')
    made = box("A", [line])
    assert "<mark>" in made and "&lt;section" in made and made.count("<li") == 1


@pytest.mark.skipif(not HERE, reason="the digit models are not in checkpoints/")
def test_three_networks_and_eight_operations_are_drawn_and_none_can_be_pressed():
    made = networks()
    assert made.count("<svg") == len(NETWORKS) + len(OPERATIONS) and "tabindex" not in made
    plain, timed, both = made.split("<figure>")[1:4]
    assert [figure.count(">FCBlock<") for figure in (plain, timed, both)] == [0, 2, 4]
    assert made.count("Linear 10 → 128") >= 1 and "ConvTranspose 4×4" in made


def test_without_the_models_there_is_a_sentence(monkeypatch):
    def missing(name):
        raise ModelError("The checkpoint <denoiser> is missing.")

    monkeypatch.setattr(algorithms, "graph", missing)
    assert networks() == "The checkpoint &lt;denoiser&gt; is missing."
