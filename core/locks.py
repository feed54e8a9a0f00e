"""Locks that a forked worker finds open."""

import os
import threading


def new_lock() -> threading.Lock:
    """A lock; a process forked while another thread held it gets it open, as that thread is not there to open it."""
    lock = threading.Lock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lock._at_fork_reinit)  # as the standard library does with its own
    return lock
