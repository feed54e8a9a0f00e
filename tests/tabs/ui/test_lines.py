"""Lines of words that follow inputs: what they answer, by the function that the page calls."""

import gradio as gr
import pytest

from core.checks import Refused
from tabs.ui.lines import line, renew, titled
from tabs.ui.page import spare


def counted(number: int, word: str) -> str:
    """So many words; a number that is no integer, as a page sends it, would be refused."""
    if number > 3:
        raise Refused("At most <3> words.")
    return f"{word * number} {type(number).__name__}"


@pytest.fixture
def shown():
    """A page with a line over inputs that are made after it."""
    inputs = []
    with gr.Blocks() as page:
        made = line("words", counted, lambda: inputs, "cost")
        inputs += [gr.Number(2, precision=0), gr.Textbox("a")]
        renew("words", inputs)
    return page, made


def test_it_answers_with_the_values_as_a_handler_gets_them(shown):
    assert shown[1].told([2.0, "ab"]) == "abab int"


@pytest.mark.parametrize(
    ("values", "words"), [([9, "a"], "At most &lt;3&gt; words."), ([1], "no longer match"), ({}, "no longer match")]
)
def test_what_cannot_be_answered_is_said_in_its_place(shown, values, words):
    assert words in shown[1].told(values)


def test_before_a_change_it_answers_with_the_first_values(shown):
    assert shown[1].told(None) == "aa int"


def test_the_page_alone_follows_the_inputs(shown):
    (fn,) = shown[0].fns.values()
    assert fn.fn is None and [event for _, event in fn.targets] == ["change", "change"]


def test_a_figure_is_marked_by_the_event_that_renews_a_line():
    with gr.Blocks() as page:
        boxes = [gr.Textbox(), gr.Textbox()]
        renew("words", boxes, boxes[:1], "a-view")
    (fn,) = page.fns.values()
    assert fn.targets == [(boxes[0]._id, "change")] and fn.inputs == boxes
    assert "tellLine('words', values); changed(document.querySelector('#a-view'));" in fn.js


def test_stop_ends_all_its_jobs_by_one_event_and_tells_a_figure_once():
    with gr.Blocks() as page:
        facts, go, stop = gr.HTML(), gr.Button(), gr.Button()
        jobs = [go.click(len, go, go), go.click(max, go, go)]
        for job in jobs:
            stop.click(None, None, None, js="() => { stopped(); }")
            stop.click(None, None, None, cancels=[job])
    spare(page, facts)
    told, ended = [fn for fn in page.fns.values() if not fn.fn]
    assert told.js == "() => { stopped(); }" and ended.cancels == [job["id"] for job in jobs]


def test_events_in_the_browser_with_other_inputs_stay_apart():
    with gr.Blocks() as page:
        facts, go, one, other = gr.HTML(), gr.Button(), gr.Textbox(), gr.Textbox()
        for box in (one, other, one):
            go.click(None, box, None, js="(text) => { told(text); }")
    spare(page, facts)
    assert [fn.inputs for fn in page.fns.values()] == [[one], [other]]


def test_titles_survive_as_html_whatever_they_say():
    assert titled({"a": """<b> "it's" &"""}).startswith('<span hidden data-titles="{&quot;a&quot;: &quot;&lt;b&gt;')
    assert titled({}) == ""


def test_hidden_progress_is_kept_on_one_component_but_a_runs_own():
    with gr.Blocks() as page:
        facts, box = gr.HTML(), gr.Textbox()
        box.change(len, box, box, show_progress="hidden")
        box.submit(len, box, box, show_progress="hidden", concurrency_id="network")
        box.blur(len, box, box)
    spare(page, facts)
    assert [fn.show_progress_on for fn in page.fns.values()] == [[facts], None, None]
