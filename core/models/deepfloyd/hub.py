"""DeepFloyd IF on the Hugging Face hub: its repositories, their cached files, and what is missing.

Nothing here uses the network or loads a model; `download` downloads, `failures` explains failures.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import torch

LICENCE = (
    "DeepFloyd IF is for non-commercial research only (DeepFloyd IF License Agreement): name DeepFloyd as its maker, "
    "and leave its watermark on the pictures."
)
TOKENS = "https://huggingface.co/settings/tokens"
NEWEST = "main"
"""The revision of a repository whose commit we could not learn."""
TEXT = ("text_encoder", "tokenizer")
FINISH = ("safety_checker", "feature_extractor", "watermarker")
SHARD = re.compile(r"(.+)-(\d{5})-of-(\d{5})(\..+)")


@dataclass(frozen=True)
class Repository:
    """One repository.

    Args:
        name: the model's name in the registry.
        id: owner/name on the hub.
        stage: 1 makes 64 px, 2 makes 256, 3 makes 1024.
        parameters: the number of its denoiser's parameters.
        parts: the folders that it needs to run.
        download: gigabytes of the whole download, including the text encoder.
        gpu: gigabytes of GPU memory for a run, without the text encoder.
        text: the folders needed only for prompts outside the prompt bank.
        gated: whether a licence must be accepted first.
        cpu: whether it is fast enough without a GPU.
        revision: the commit that is downloaded, so that nobody's later change of the repository is run here.
    """

    name: str
    id: str
    stage: int
    parameters: int
    parts: tuple[str, ...]
    download: float
    gpu: float
    text: tuple[str, ...] = ()
    gated: bool = True
    cpu: bool = False
    revision: str = NEWEST

    @property
    def page(self) -> str:
        """The page to read and accept its licence."""
        return f"https://huggingface.co/{self.id}"


UPSCALER = ("unet", "vae", "text_encoder", "tokenizer", "scheduler", "low_res_scheduler")
REPOSITORIES = {
    r.name: r
    for r in (
        Repository("if-m", "DeepFloyd/IF-I-M-v1.0", 1, 371_605_830, ("unet", *FINISH), 12.9, 2, TEXT, cpu=True),
        Repository("if-l", "DeepFloyd/IF-I-L-v1.0", 1, 935_365_830, ("unet", *FINISH), 14.0, 4, TEXT),
        Repository(
            *("if-xl", "DeepFloyd/IF-I-XL-v1.0", 1, 4_304_695_110, ("unet", *FINISH), 20.8, 10, TEXT),
            revision="c03d510e9b75bce9f9db5bb85148c1402ad7e694",
        ),
        Repository("if-ii-m", "DeepFloyd/IF-II-M-v1.0", 2, 450_000_000, ("unet",), 0.9, 4),
        Repository(
            *("if-ii-l", "DeepFloyd/IF-II-L-v1.0", 2, 1_200_000_000, ("unet",), 2.5, 6),
            revision="609476ce702b2d94aff7d1f944dcc54d4f972901",
        ),
        Repository(
            *("x4-upscaler", "stabilityai/stable-diffusion-x4-upscaler", 3, 473_398_020, UPSCALER, 1.8, 10),
            gated=False,
            revision="572c99286543a273bfd17fac263db5a77be12c4c",
        ),
    )
}
FIRST = [name for name, r in REPOSITORIES.items() if r.stage == 1]
"""The models that read prompts, the smallest first."""


# ---- What is here ----


def snapshot(repository_id: str) -> Path | None:
    """The cached folder of a repository's own revision, else of the newest one, complete or not; its name is the revision."""
    from huggingface_hub import try_to_load_from_cache

    own = [r.revision for r in REPOSITORIES.values() if r.id == repository_id]
    for revision in dict.fromkeys([*own, NEWEST]):
        index = try_to_load_from_cache(repository_id, "model_index.json", revision=revision)
        if isinstance(index, str):
            return Path(index).parent
    return None


def variant(folder: Path) -> str | None:
    """ "fp16" or "" if all half or full precision safetensors are in a folder; None if neither set is complete."""
    names = {file.name for file in folder.glob("*.safetensors") if file.exists()}  # a dangling link does not exist
    for tag in ("fp16", ""):
        mine = {name for name in names if (".fp16" in name) == bool(tag)}
        if mine and all(_siblings(name) <= mine for name in mine):
            return tag
    return None


def _siblings(name: str) -> set[str]:
    """The names of all shards of the same file."""
    shard = SHARD.fullmatch(name)
    if not shard:
        return {name}
    stem, _, total, end = shard.groups()
    return {f"{stem}-{k + 1:05d}-of-{total}{end}" for k in range(int(total))}


WITHOUT_WEIGHTS = {"tokenizer", "scheduler", "low_res_scheduler", "feature_extractor"}


def missing(repository: Repository, parts: tuple[str, ...]) -> list[str]:
    """The parts that are not in the cache or not complete."""
    folder = snapshot(repository.id)
    if folder is None:
        return list(parts)
    return [p for p in parts if not (any((folder / p).glob("*")) if p in WITHOUT_WEIGHTS else _whole(folder / p))]


def _whole(folder: Path) -> bool:
    return variant(folder) is not None and (folder / "config.json").exists()


def offline() -> bool:
    """Whether HF_HUB_OFFLINE forbids the network."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


# ---- What it would take ----


@dataclass(frozen=True)
class Availability:
    """state: "ready", "gpu", "licence", "download" or "offline"; sentence: the same for people."""

    state: str
    sentence: str


def availability(name: str) -> Availability:
    """Whether a model of REPOSITORIES can run, and what it still needs. Uses no network and loads nothing."""
    r = REPOSITORIES[name]
    if not missing(r, r.parts):
        return _runs_here(r)
    size = f"{r.download:.1f} GB"
    if offline():
        return Availability("offline", f"Not here ({size}), and HF_HUB_OFFLINE forbids downloading it.")
    if r.gated and _token() is None:
        accept = f"accept the licence at {r.page} and set HF_TOKEN to a token from {TOKENS}"
        return Availability("licence", f"Needs a download of {size}; first {accept}.")
    accept = f"; its licence must be accepted at {r.page}" if r.gated else ""
    return Availability("download", f"Needs a download of {size}{accept}.")


def _token() -> str | None:
    from huggingface_hub import get_token

    return get_token()


def _runs_here(r: Repository) -> Availability:
    if torch.cuda.is_available():
        total = torch.cuda.get_device_properties(0).total_memory / 1e9
        if total < r.gpu:
            return Availability("gpu", f"Needs a GPU with {r.gpu:g} GB of memory; this one has {total:.0f} GB.")
    elif not torch.backends.mps.is_available() and not r.cpu:
        return Availability("gpu", f"Downloaded, but needs a GPU with {r.gpu:g} GB of memory.")
    if missing(r, r.text):
        return Availability("ready", "Ready for prompts in the prompt bank; others need its text encoder (11.5 GB).")
    slow = "" if torch.cuda.is_available() or not r.cpu else " Without a GPU a step takes 5 to 12 seconds."
    return Availability("ready", f"Ready.{slow}")
