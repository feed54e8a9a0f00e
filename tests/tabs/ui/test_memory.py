"""Freed memory goes back to the system."""

import platform

import numpy as np
import psutil
import pytest

from tabs.ui import memory

GLIBC = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")


@GLIBC
def test_freed_memory_goes_back():
    blocks = [np.ones(8_000) for _ in range(3_000)]  # 64 kB each, too small to have pages of their own
    last = np.ones(8_000)  # above the others, so that the top of the heap is in use
    held = psutil.Process().memory_info().rss
    blocks.clear()
    assert memory.give_back()
    assert psutil.Process().memory_info().rss < held - 100_000_000 and last.all()


@GLIBC
def test_pools_are_shared():
    assert memory.share_pools()


def test_elsewhere_nothing_happens(monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    assert not memory.give_back() and not memory.share_pools()
