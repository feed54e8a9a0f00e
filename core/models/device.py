"""The devices that networks run on: this machine's, or the GPU that a Space lends for single calls (ZeroGPU)."""

import contextlib
import ctypes
import functools
import os
from collections.abc import Iterator
from pathlib import Path

import torch

from core.checks import ModelError

DEVICES = ("auto", "cpu", "cuda", "mps")


def lends_gpu() -> bool:
    """Whether this is a Space that lends its GPU for single calls (ZeroGPU); between calls it has no GPU."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "true", "yes", "on")


_on_loan = False


def on_loan() -> None:
    """Mark this process as the worker to which the Space lends its GPU."""
    global _on_loan
    _on_loan = True


def pick_device(name: str = "auto") -> torch.device:
    """The named device; "auto" takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        ModelError: the name is unknown, or this machine has no such device or only lends it.
    """
    if name == "cuda" and lends_gpu() and not _on_loan:  # CUDA must not be touched outside of a loan
        raise ModelError(
            "This Space lends its GPU for single calls only; choose auto, which borrows it where it helps."
        )
    here = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name in (None, "auto"):
        return torch.device("cpu" if lends_gpu() else next(d for d in ("cuda", "mps", "cpu") if here[d]))
    if not isinstance(name, str) or name not in here:
        raise ModelError(f"The device must be one of {', '.join(DEVICES)}, not {str(name)[:40]!r}.")
    if not here[name]:
        raise ModelError(f"This machine has no usable {name.upper()} device; choose auto or cpu.")
    return torch.device(name)


def device_facts(name: str = "auto") -> str:
    """The device in words, with its own memory, if any. Raises ModelError as `pick_device`."""
    device = pick_device(name)
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return f"{torch.cuda.get_device_name(device)}, {(total - free) / 2**30:.1f} of {total / 2**30:.0f} GB in use"
    n = torch.get_num_threads()
    return "Apple GPU (MPS)" if device.type == "mps" else f"the CPU, {n} thread{'s' * (n != 1)}"


@functools.cache
def _openmp() -> ctypes.CDLL | None:
    """The OpenMP library that torch has loaded, on Linux; None elsewhere. Other packages may have brought their own."""
    maps, own = Path("/proc/self/maps"), str(Path(torch.__file__).resolve().parent)
    lines = maps.read_text().splitlines() if maps.exists() else []
    paths = sorted({line.split()[-1] for line in lines if "libgomp" in line}, key=lambda path: not path.startswith(own))
    return ctypes.CDLL(paths[0]) if paths else None


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Inside this context, this thread computes on one core of the CPU; other threads keep theirs. Works on Linux only.

    For networks so small that their layers take microseconds: threads that sleep while they wait then cost more than
    they bring, and the second core is left to the page. `torch.set_num_threads` would change all threads.
    """
    openmp, before = _openmp(), torch.get_num_threads()  # which also sets this thread's number, if it had none yet
    if openmp is None:
        yield
        return
    openmp.omp_set_num_threads(1)
    try:
        yield
    finally:
        openmp.omp_set_num_threads(before)
