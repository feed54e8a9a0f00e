"""Failures in plain words: never a stack trace on the page."""

import errno
import functools
import html
import inspect
import logging
from collections.abc import Callable

import gradio as gr

from core.checks import ModelError, Refused

log = logging.getLogger(__name__)
UNFIT = "These values do not fit what is asked for; the page about the API lists them in their order."


def in_words(e: Exception) -> gr.Error:
    """A failure as the person sees it: a refusal in its one sentence; any other error is also logged in full."""
    if isinstance(e, gr.Error):
        return e
    if isinstance(e, (Refused, ModelError)):
        return gr.Error(str(e), title="Please check", print_exception=False)
    if "out of memory" in str(e).lower():
        sentence = "The device ran out of memory; ask for fewer pictures, or choose the CPU."
        return gr.Error(sentence, title="Out of memory", print_exception=False)
    if isinstance(e, OSError) and e.errno in (errno.ENOSPC, errno.EDQUOT):
        sentence = "The disk of the machine that runs this app is full; make room there, and run again."
        return gr.Error(sentence, title="Disk full", print_exception=False)
    log.exception("A handler failed")
    return gr.Error("Something went wrong inside the app; the server's log has the details.", print_exception=False)


def explained(handler: Callable) -> Callable:
    """A handler whose failures are shown `in_words`."""

    @functools.wraps(handler)
    def call(*args, **kwargs):
        try:
            return handler(*args, **kwargs)
        except Exception as e:
            raise in_words(e) from None

    @functools.wraps(handler)
    def iterate(*args, **kwargs):
        try:
            yield from handler(*args, **kwargs)
        except Exception as e:
            raise in_words(e) from None

    return iterate if inspect.isgeneratorfunction(handler) else call


def explained_in_place(handler: Callable) -> Callable:
    """A handler of one HTML component that shows its failures there; outside the queue Gradio shows no error."""

    @functools.wraps(handler)
    def call(*args) -> str:
        try:
            return explained(handler)(*args)
        except gr.Error as e:
            return html.escape(e.message)

    return call


def in_one_line(e: Exception) -> str:
    """An error's kind and the first line of what it says, or of what its cause says."""
    return f"{type(e).__name__} {e.__cause__ or e}".split("\n")[0]


def check_inputs(demo: gr.Blocks) -> gr.Blocks:
    """The same app, which answers values that fit no handler, as programs send them (too few, for instance), in one
    sentence, with one line in the log instead of a traceback."""
    prepare = demo.preprocess_data

    async def checked(fn, *args, **kwargs):
        try:
            return await prepare(fn, *args, **kwargs)
        except Exception as e:
            if isinstance(e, gr.Error):
                e.print_exception = False
                raise
            log.warning("%s was given values that do not fit: %.200s", fn.api_name, in_one_line(e))
        raise gr.Error(UNFIT, title="Please check", print_exception=False)

    demo.preprocess_data = checked
    return demo
