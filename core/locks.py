"""Locks that are open in a forked worker."""

import os
import threading
from collections import deque


def new_lock() -> threading.Lock:
    """A lock that is open in a forked process, even if another thread held it at the fork."""
    lock = threading.Lock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lock._at_fork_reinit)  # as the standard library does with its own
    return lock


class FairLock:
    """A lock that serves waiting threads in order of arrival.

    It suits work that many threads do in small parts. A common lock mostly returns to the thread that released it, and
    the other threads starve.

    Args:
        places: the number of threads that may hold it at a time.
    """

    def __init__(self, places: int = 1):
        self._lock, self._waiting, self._free = threading.Lock(), deque(), places

    def __enter__(self) -> None:
        with self._lock:
            mine = threading.Event()
            if self._free:
                self._free -= 1
                mine.set()
            else:
                self._waiting.append(mine)
        mine.wait()

    def __exit__(self, *failure: object) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()  # handed over: nobody can come in between
            else:
                self._free += 1
