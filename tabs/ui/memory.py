"""Memory that the program has freed goes back to the system; glibc would keep it for every thread that ever took some.

Does nothing where the C library is not glibc.
"""

import contextlib
import ctypes
import sys

ARENAS = 2
"""The number of memory pools for all threads. The default is eight per core. Pages that are opened together render in
one thread each, and would leave all pools large."""
_ARENA_MAX = -8  # M_ARENA_MAX of malloc.h


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        return library if library.malloc_trim and library.mallopt else None
    return None


def share_pools() -> bool:
    """Let all threads share ARENAS pools, once, before there are threads. Returns whether that was possible."""
    library = _glibc()
    return library is not None and library.mallopt(_ARENA_MAX, ARENAS) == 1


def give_back() -> bool:
    """Return freed memory to the system; takes some milliseconds. Returns whether that was possible."""
    library = _glibc()
    if library is None:
        return False
    library.malloc_trim(0)
    return True
