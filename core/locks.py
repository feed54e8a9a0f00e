"""Locks that are open in a forked worker."""

import os
import threading


def new_lock() -> threading.Lock:
    """A lock that is open in a forked process, even if another thread held it at the fork."""
    lock = threading.Lock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lock._at_fork_reinit)  # as the standard library does with its own
    return lock
