"""Downloads of DeepFloyd's files in a separate process, which can be stopped at any byte.

`python -m core.models.deepfloyd.download NAME` downloads one model and writes a JSON line of progress twice a second.
"""

import functools
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from core.checks import ModelError
from core.models.deepfloyd.failures import explain
from core.models.deepfloyd.hub import REPOSITORIES, Repository, offline

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 0.5
RESERVE = 2_000_000_000  # bytes of free disk that a download leaves for the app


@dataclass(frozen=True)
class Progress:
    """done and total: bytes; file: what is being fetched, "" at the end."""

    done: int
    total: int
    file: str


def download(name: str) -> Iterator[Progress]:
    """Fetch the missing files of a model of REPOSITORIES; close the generator to stop.

    A stopped download keeps its complete files.

    Raises:
        ModelError: one sentence on the gate, the network or the disk.
    """
    if offline():
        raise ModelError(f"HF_HUB_OFFLINE forbids downloading {REPOSITORIES[name].id}: unset it and restart.")
    unfinished = _unfinished(REPOSITORIES[name])
    command = [sys.executable, "-m", "core.models.deepfloyd.download", name]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        for line in child.stdout:
            report = json.loads(line)
            if "error" in report:
                raise ModelError(report["error"])
            yield Progress(**report)
        if child.wait():
            raise ModelError(f"The download of {REPOSITORIES[name].id} ended early: try again.")
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        for file in _unfinished(REPOSITORIES[name]) - unfinished:  # the hub's client does not continue them
            file.unlink(missing_ok=True)


def choose(files: dict[str, int], parts: tuple[str, ...]) -> dict[str, int]:
    """The files (path -> bytes) of a repository to fetch: safetensors only, in half precision if available.

    Pickles (.bin, .ckpt) are never chosen.
    """
    chosen = {f: n for f, n in files.items() if f == "model_index.json"}
    for part in parts:
        mine = {f: n for f, n in files.items() if f.startswith(f"{part}/")}
        small = {f: n for f, n in mine.items() if f.endswith((".json", ".model", ".txt"))}
        tensors = {f: n for f, n in mine.items() if f.endswith(".safetensors")}
        half = {f: n for f, n in tensors.items() if ".fp16" in f}
        plain = {f: n for f, n in tensors.items() if f.count(".") == 1}
        chosen |= small | (half or plain)
    return chosen


def _blobs(repository: Repository) -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{repository.id.replace('/', '--')}" / "blobs"


def _unfinished(repository: Repository) -> set[Path]:
    return set(_blobs(repository).glob("*.incomplete"))


def fetch(repository: Repository) -> Iterator[Progress]:
    """Download in this process and yield the progress; the child process runs this."""
    from huggingface_hub import HfApi, try_to_load_from_cache

    api = HfApi()
    api.auth_check(repository.id)  # refused in a moment; a download would retry for long
    info = api.model_info(repository.id, revision=repository.revision, files_metadata=True)
    files = choose({s.rfilename: s.size or 0 for s in info.siblings}, repository.parts + repository.text)
    here = {f for f in files if isinstance(try_to_load_from_cache(repository.id, f, revision=repository.revision), str)}
    total, done = sum(files.values()), sum(files[f] for f in here)
    _check_disk(repository, total - done)
    for file in sorted(files.keys() - here):
        failure: list[BaseException] = []
        load = functools.partial(api.hf_hub_download, repository.id, file, revision=repository.revision)
        worker = threading.Thread(target=_attempt, args=(failure, load))
        worker.start()
        most = done
        while worker.is_alive():
            worker.join(SECONDS)
            most = max(most, min(done + _growing(repository), done + files[file]))  # a file stops growing at its end
            yield Progress(most, total, file)
        if failure:
            raise failure[0]
        done += files[file]
    yield Progress(total, total, "")


def _attempt(failure: list[BaseException], load: Callable[[], object]) -> None:
    try:
        load()
    except BaseException as e:
        failure.append(e)


def _growing(repository: Repository) -> int:
    """Bytes of the file being downloaded; it may be renamed meanwhile."""
    sizes = [0]
    for file in _unfinished(repository):
        try:
            sizes.append(file.stat().st_size)
        except FileNotFoundError:
            continue
    return max(sizes)


def _check_disk(repository: Repository, needed: int) -> None:
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE)
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed + RESERVE:
        raise ModelError(
            f"The disk is too full: {repository.id} takes {needed / 1e9:.1f} GB, {folder} has {free / 1e9:.1f}, and "
            f"{RESERVE / 1e9:.0f} must stay free for the app."
        )


def main(name: str) -> int:
    """Write the progress, or one sentence on the failure, as JSON lines; returns the exit code."""
    if name not in REPOSITORIES:
        _tell({"error": f"There is no {name[:40]!r}; there are {', '.join(REPOSITORIES)}."})
        return 2
    try:
        for progress in fetch(REPOSITORIES[name]):
            _tell(asdict(progress))
    except Exception as e:
        _tell({"error": explain(e, name)})
        return 1
    return 0


def _tell(report: dict) -> None:
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:])))
