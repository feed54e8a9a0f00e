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
