"""Failures in one sentence (gate, network, disk, memory), and freeing memory after a failure."""

import errno
import gc
from collections.abc import Callable
from typing import TypeVar

import torch

from core.checks import ModelError
from core.models.deepfloyd.hub import REPOSITORIES, TOKENS, Repository

Result = TypeVar("Result")


def explain(error: BaseException, name: str) -> str:
    """One sentence on an exception raised while the model `name` of REPOSITORIES was fetched, loaded or run."""
    # the message of an unknown error is not shown: it may hold a path or a token
    return diagnose(error, name) or f"{REPOSITORIES[name].id} could not be used: {type(error).__name__}."


def diagnose(error: BaseException, name: str) -> str | None:
    """Explain an error as `explain` does; None if its cause is not known.

    The libraries wrap the hub's answer in misleading errors ("not a valid model identifier"), so the whole
    chain of causes and contexts is read.
    """
    if isinstance(error, ModelError):
        return str(error)
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    found = (sentence(REPOSITORIES[name], e) for symptom, sentence in _SYMPTOMS for e in chain if symptom(e))
    return next(found, None)


def _named(*names: str) -> Callable[[BaseException], bool]:
    """A test by the class names of the inheritance, which imports no library."""
    return lambda e: any(base.__name__ in names for base in type(e).__mro__)


_is_http = _named("HfHubHTTPError")


def _answered(*statuses: int) -> Callable[[BaseException], bool]:
    return lambda e: _is_http(e) and _status(e) in statuses


def _status(e: BaseException) -> int:
    return getattr(getattr(e, "response", None), "status_code", 0)


def _out_of_memory(e: BaseException) -> bool:
    known = isinstance(e, torch.OutOfMemoryError | MemoryError)
    return known or (isinstance(e, RuntimeError) and "out of memory" in str(e).lower())


def _disk_full(e: BaseException) -> bool:
    return getattr(e, "errno", None) == errno.ENOSPC or "No space left" in str(e)


def _too_small(r: Repository, e: BaseException) -> str:
    takes = f"{r.id} takes {r.gpu:g} GB of GPU memory"
    return f"The memory ran out and has been freed ({takes}): try fewer pictures or a smaller model."


def _no_room(r: Repository, e: BaseException) -> str:
    return f"The disk is full: {r.id} takes {r.download:.1f} GB; make room, or set HF_HOME to a larger disk."


def _gate(r: Repository, e: BaseException) -> str:
    if _status(e) == 403:
        return f"This account has not accepted the licence of {r.id}: accept it at {r.page}, then try again."
    return f"{r.id} needs a token: accept its licence at {r.page}, then set HF_TOKEN to a token from {TOKENS}."


def _bad_token(r: Repository, e: BaseException) -> str:
    return f"The Hugging Face token is not valid: set HF_TOKEN to one from {TOKENS}."


def _weak_token(r: Repository, e: BaseException) -> str:
    return f"The token may not read gated repositories such as {r.id}: allow that at {TOKENS}, then try again."


def _trouble(r: Repository, e: BaseException) -> str:
    return f"Hugging Face has trouble (error {_status(e)}): try again in a few minutes."


def _offline(r: Repository, e: BaseException) -> str:
    return f"{r.id} is not here and HF_HUB_OFFLINE forbids downloading it: unset it and restart."


def _unreachable(r: Repository, e: BaseException) -> str:
    return f"huggingface.co cannot be reached, so {r.id} was not downloaded: check the network."


def _damaged(r: Repository, e: BaseException) -> str:
    return f"A file of {r.id} is damaged: delete the repository from the cache and download it again."


_SYMPTOMS = (  # in order of precedence, each searched along the whole chain
    (_out_of_memory, _too_small),
    (_disk_full, _no_room),
    (_named("GatedRepoError"), _gate),  # itself an HfHubHTTPError
    (_answered(401), _bad_token),
    (_answered(403), _weak_token),
    (_answered(*range(500, 600)), _trouble),
    (_named("OfflineModeIsEnabled"), _offline),  # itself a ConnectionError
    (_named("TransportError", "ConnectionError", "TimeoutError", "gaierror"), _unreachable),
    (_named("SafetensorError"), _damaged),
)


def free_memory() -> None:
    """Give unused memory back to the device."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


_releases: list[Callable[[], None]] = []


def frees(release: Callable[[], None]) -> Callable[[], None]:
    """Decorator: `release_all` calls this function, which frees large networks."""
    _releases.append(release)
    return release


def release_all() -> None:
    """Free every large network of every stage; its next call loads it again."""
    for release in _releases:
        release()
    free_memory()


_counts: list[Callable[[], list[tuple[str, str]]]] = []


def counts(count: Callable[[], list[tuple[str, str]]]) -> Callable[[], list[tuple[str, str]]]:
    """Decorator: `in_memory` calls this function, which lists (name, kind of device) of large networks."""
    _counts.append(count)
    return count


def in_memory() -> list[tuple[str, str]]:
    """(name, kind of device) of every large network in memory, of every stage."""
    return [pair for count in _counts for pair in count()]


def attempt(call: Callable[[], Result], name: str) -> Result:
    """call(); on a failure of memory, disk or hub, run `release_all` and raise a ModelError.

    Other errors pass as they are.
    """
    try:
        return call()
    except Exception as e:
        sentence = diagnose(e, name)
        if sentence is None:
            raise
    # outside the handler, where the traceback would keep the call's tensors alive
    release_all()
    raise ModelError(sentence)
