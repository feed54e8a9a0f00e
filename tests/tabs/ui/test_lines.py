"""Lines of words that follow inputs: what they answer, by the function that the page calls."""

import gradio as gr
import pytest

from core.checks import Refused
from tabs.ui.lines import line, renew
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
    ("values", "words"), [([9, "a"], "At most &lt;3&gt; words."), ([1], "no longer match"), (None, "no longer match")]
)
def test_what_cannot_be_answered_is_said_in_its_place(shown, values, words):
    assert words in shown[1].told(values)


def test_the_page_alone_follows_the_inputs(shown):
    (fn,) = shown[0].fns.values()
    assert fn.fn is None and {event for _, event in fn.targets} == {"change", "load"} and len(fn.targets) == 3


def test_hidden_progress_is_kept_on_one_component_but_a_runs_own():
    with gr.Blocks() as page:
        facts, box = gr.HTML(), gr.Textbox()
        box.change(len, box, box, show_progress="hidden")
        box.submit(len, box, box, show_progress="hidden", concurrency_id="network")
        box.blur(len, box, box)
    spare(page, facts)
    assert [fn.show_progress_on for fn in page.fns.values()] == [[facts], None, None]
