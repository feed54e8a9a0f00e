"""Whose run may wait for the network: nobody fills the queue alone, and who is refused reads why.

Gradio's own bound refuses quick handlers with the runs, and its answer is "Queue is full". A page that is refused because
of others asks again by itself: see `full` in tabs/ui/assets/page.js.
"""

import math
from collections.abc import Iterator

import gradio as gr
from gradio.queueing import Event, Queue

from tabs.ui.controls import NETWORK

ID = NETWORK["concurrency_id"]
MOST_OWN = 3
"""The most runs of one page at a time: one under way and two that wait."""
USUAL = 5.0
"""Seconds of a run, until one of its kind has been timed."""


def fair(demo: gr.Blocks, most: int) -> gr.Blocks:
    """The same app, whose queue takes at most so many waiting runs, and MOST_OWN of each page.

    Args:
        demo: has its queue already; Gradio's own bound should be far above `most`.
    """
    queue, push = demo._queue, demo._queue.push

    async def checked(body, request, username):
        fn = demo.fns.get(body.fn_index)
        words = refusal(queue, body.session_hash, most) if fn and fn.concurrency_id == ID else ""
        return (False, words, "error") if words else await push(body=body, request=request, username=username)

    queue.push = checked
    return demo


def refusal(queue: Queue, session: str | None, most: int) -> str:
    """Why a page may not add a run to the queue now; "" if it may."""
    runs = [*waiting(queue), *under_way(queue)]
    if sum(e.session_hash == session for e in runs) >= MOST_OWN:
        return f"{MOST_OWN} of your runs are under way or waiting; let one of them finish, or stop it."
    if len(waiting(queue)) >= most:
        minutes = math.ceil(sum(seconds(queue, e) for e in runs) / 60)
        return (
            f"{len(waiting(queue))} runs are waiting, some {minutes} min of work. Try again then; your settings stay."
        )
    return ""


def waiting(queue: Queue) -> list[Event]:
    """The runs that wait for the network."""
    line = queue.event_queue_per_concurrency_id.get(ID)
    return line.queue if line else []


def under_way(queue: Queue) -> Iterator[Event]:
    """The runs that have it."""
    return (e for job in queue.active_jobs if job for e in job if e.concurrency_id == ID)


def seconds(queue: Queue, event: Event) -> float:
    """How long a run takes, by those of its kind so far."""
    timed = queue.process_time_per_fn.get(event.fn)
    return timed.avg_time if timed and timed.count else USUAL
