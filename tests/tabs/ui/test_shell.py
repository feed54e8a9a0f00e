"""What keeps a large page quick: progress on one component, opening without inputs, one event of a Stop button, scripts once."""

import gradio as gr
import pytest

from tabs.hybrids import page as hybrids
from tabs.ui.page import alone, spare
from tabs.ui.theme import SCRIPTS, head, script


def jobs():
    """A page with two runs, their Stop button, and a preset; and its line of facts."""

    def count():
        yield "1"

    with gr.Blocks() as demo:
        line, said, go, again, stop = gr.HTML(), gr.HTML(), gr.Button("go"), gr.Button("again"), gr.Button("stop")
        first = go.click(count, None, said, concurrency_id="network", show_progress="hidden")
        second = again.click(count, None, said, show_progress="hidden")
        for job in (first, second):
            stop.click(None, None, None, cancels=[job])
        ended = stop.click(None, None, None, cancels=[first])
        ended.then(lambda: "ended", None, said)
        go.click(lambda: "", None, said, queue=False)
    return spare(demo, line), line


def test_only_a_run_that_waits_for_its_turn_keeps_its_progress_on_its_own_figure():
    demo, line = jobs()
    first, second, *_, quick = (fn for fn in demo.fns.values() if fn.fn and not fn.trigger_after)
    assert first.show_progress_on is None and second.show_progress_on == [line]
    assert quick.show_progress == "hidden" and quick.show_progress_on == [line]


def test_a_stop_button_ends_all_its_jobs_by_one_event_and_goes_on_to_what_follows():
    demo, _ = jobs()
    first, second = list(demo.fns)[:2]
    assert [fn.cancels for fn in demo.fns.values() if fn.cancels] == [[first, second]]
    (follower,) = (fn for fn in demo.fns.values() if fn.trigger_after is not None)
    assert follower.trigger_after in demo.fns


def test_a_page_that_opens_sends_no_inputs():
    demo = alone(hybrids.TITLE, hybrids.build)
    opening = [fn for fn in demo.fns.values() if fn.fn and any(event == "load" for _, event in fn.targets)]
    assert opening and not any(fn.inputs for fn in opening)


def test_each_script_is_in_the_head_once():
    for name in SCRIPTS:
        assert head().count(f"scripts.{name} = (") == 1 and script(name).startswith(f"scripts.{name}(element, trigger")
    assert head().count("</script>") == 1
    with pytest.raises(ValueError, match="There is no script nothing"):
        script("nothing")
