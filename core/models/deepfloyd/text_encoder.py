"""Encode prompts as (77, 4096) embeddings: from the bank, else with T5, which is loaded, used and freed."""

import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from core.checks import ModelError
from core.diffusion.denoiser import NETWORK_LOCK
from core.locks import new_lock
from core.models.deepfloyd import failures, hub
from core.models.deepfloyd.prompt_bank import PromptBank, normal

TOKENS = 77  # as in IF's training (diffusers, IFPipeline.encode_prompt)
BATCH = 8
GIGABYTES = {"bf16": 10.5, "8bit": 8.5, "fp32": 20.5}  # weights and working memory


@dataclass(frozen=True)
class Plan:
    """The place of T5: device "cuda", "mps" or "cpu"; precision "bf16", "8bit" or "fp32"."""

    device: str
    precision: str


PLANS = ("cuda-bf16", "cuda-8bit", "mps-bf16", "cpu-bf16", "cpu-fp32")


def plan(device: str, gpu_free: float, ram_free: float, eight_bit: bool, wish: str | None = None) -> Plan:
    """Choose from free gigabytes; T5 overflows in fp16, so half precision means bf16.

    Args:
        device: the device of the model that uses the embeddings.
        eight_bit: whether bitsandbytes is installed.
        wish: one of PLANS, used without a check.

    Raises:
        ModelError: no place is large enough, or the wish is not one of PLANS.
    """
    if wish:
        if wish not in PLANS:
            raise ModelError(f"T5_PLAN must be one of {', '.join(PLANS)}, not {wish[:40]!r}.")
        return Plan(*wish.split("-"))
    if device != "cpu" and gpu_free >= GIGABYTES["bf16"]:
        return Plan(device, "bf16")
    if device == "cuda" and eight_bit and gpu_free >= GIGABYTES["8bit"]:
        return Plan(device, "8bit")
    for precision in ("fp32", "bf16"):  # a CPU is faster in fp32
        if ram_free >= GIGABYTES[precision]:
            return Plan("cpu", precision)
    raise ModelError(
        f"The text encoder takes {GIGABYTES['bf16']} GB and there are {gpu_free:.0f} on the GPU and {ram_free:.0f} "
        "in memory: fill the prompt bank on a larger machine."
    )


def plan_here(device: torch.device) -> Plan:
    """`plan` for this machine; the environment variable T5_PLAN overrides it."""
    import psutil

    gpu = torch.cuda.mem_get_info(device)[0] / 1e9 if device.type == "cuda" else 0.0
    ram = psutil.virtual_memory().available / 1e9
    gpu = ram if device.type == "mps" else gpu  # shared
    eight_bit = importlib.util.find_spec("bitsandbytes") is not None
    return plan(device.type, gpu, ram, eight_bit, os.environ.get("T5_PLAN"))


def load_t5(snapshot: Path, where: Plan):
    """The text encoder of a repository's cached folder, ready to run."""
    from transformers import BitsAndBytesConfig, T5EncoderModel

    folder = snapshot / "text_encoder"
    options = {"variant": hub.variant(folder) or None, "use_safetensors": True, "local_files_only": True}
    if where.precision == "8bit":
        eight_bit = BitsAndBytesConfig(load_in_8bit=True)
        return T5EncoderModel.from_pretrained(folder, quantization_config=eight_bit, device_map={"": 0}, **options)
    dtype = {"bf16": torch.bfloat16, "fp32": torch.float32}[where.precision]
    return T5EncoderModel.from_pretrained(folder, dtype=dtype, **options).to(where.device).eval()


def load_tokenizer(snapshot: Path):
    """The tokenizer of a repository's cached folder."""
    from transformers import T5Tokenizer

    return T5Tokenizer.from_pretrained(snapshot / "tokenizer", local_files_only=True)


@torch.no_grad()
def run_t5(tokenizer, encoder, prompts: Sequence[str]) -> Tensor:
    """(B, 77, 4096) embeddings; the mask goes to T5 only, its pad rows are kept, as in IFPipeline."""
    options = {"padding": "max_length", "max_length": TOKENS, "truncation": True, "return_tensors": "pt"}
    tokens = tokenizer([normal(p) for p in prompts], add_special_tokens=True, **options).to(encoder.device)
    with NETWORK_LOCK:
        return encoder(tokens.input_ids, attention_mask=tokens.attention_mask)[0]


def remarks(tokenizer, prompt: str) -> list[str]:
    """Remarks on what T5 does not read: text beyond 77 tokens (the last is the end mark), unknown characters."""
    ids = tokenizer(normal(prompt)).input_ids
    told, unknown = [], ids.count(tokenizer.unk_token_id)
    if len(ids) > TOKENS:
        told.append(f"The text encoder reads {TOKENS - 1} tokens; cut off: {tokenizer.decode(ids[TOKENS - 1 : -1])}.")
    if unknown:
        told.append(f"The text encoder does not know {unknown} piece{'s' * (unknown > 1)} of this prompt.")
    return told


def pieces_of(tokenizer, prompt: str | None) -> list[str]:
    """The pieces of a whole prompt as they are written, the end mark last: "▁rocket", "s", "hip", "</s>"."""
    return tokenizer(normal(prompt)).tokens()


_ENCODING = new_lock()  # one T5 at a time
_CUTTING = new_lock()  # a tokenizer cannot be used twice at once


@lru_cache(maxsize=4096)
def _cut(snapshot: Path, prompt: str) -> tuple[str, ...]:
    """`pieces_of` by the tokenizer in a cached folder."""
    with _CUTTING:
        return tuple(pieces_of(_kept_tokenizer(snapshot), prompt))


_kept_tokenizer = lru_cache(maxsize=2)(load_tokenizer)


class Text:
    """Encodes prompts for one repository, from its bank where it can.

    Args:
        repository: whose text encoder is used.
        snapshot: its cached folder.
        folder: of the bank.
    """

    def __init__(self, repository: hub.Repository, snapshot: Path, folder: Path | None = None):
        self.repository, self.snapshot = repository, snapshot
        self.bank = PromptBank(repository.id, snapshot.name, folder)

    def missing(self, prompts: Sequence[str | None]) -> list[str]:
        """The prompts that need T5."""
        return list(dict.fromkeys(normal(p) for p in prompts if self.bank.get(p) is None))

    def pieces(self, prompt: str | None) -> Sequence[str]:
        """The pieces of a prompt, from the bank, else from the tokenizer, which is small; see `pieces_of`.

        Raises:
            ModelError: neither has them.
        """
        if pieces := self.bank.pieces(prompt):
            return pieces
        if hub.missing(self.repository, ("tokenizer",)):
            known = "was put into the prompt bank without its tokens" if self.bank.path(prompt).exists() else "is new"
            raise ModelError(
                f"The prompt {normal(prompt)[:60]!r} {known}, and the tokenizer of {self.repository.id} is not here, so "
                "its words cannot be told apart: download the model's text encoder, or fill the prompt bank on another machine."
            )
        return _cut(self.snapshot, normal(prompt))

    def prepare(self, prompts: Sequence[str | None], device: str | torch.device = "auto") -> None:
        """Put all prompts into the bank. T5 is loaded only if one is missing; it then has the device to itself and is
        freed before this returns.

        Args:
            device: the device of the model that uses them.

        Raises:
            ModelError: T5 is needed and is not here, or does not fit.
        """
        if self.missing(prompts):
            with _ENCODING:
                self._prepare(self.missing(prompts), device)  # another job may have encoded some meanwhile

    def _prepare(self, todo: list[str], device: str | torch.device) -> None:
        if not todo:
            return
        if hub.missing(self.repository, self.repository.text):
            raise ModelError(
                f"The prompt {todo[0][:60]!r} is not in the prompt bank, and the text encoder of {self.repository.id} "
                f"is not here: {hub.availability(self.repository.name).sentence}"
            )
        failures.release_all()
        self._encode(todo, plan_here(_device(device)))

    def _encode(self, prompts: list[str], where: Plan) -> None:
        def call() -> None:
            tokenizer, encoder = load_tokenizer(self.snapshot), load_t5(self.snapshot, where)
            for k in range(0, len(prompts), BATCH):
                some = prompts[k : k + BATCH]
                for prompt, row in zip(some, run_t5(tokenizer, encoder, some), strict=True):
                    self.bank.put(prompt, row, remarks(tokenizer, prompt), pieces_of(tokenizer, prompt))

        failures.attempt(call, self.repository.name)
        failures.free_memory()  # T5 must be freed before the UNet is loaded

    def encode(self, prompts: Sequence[str | None], device: torch.device, dtype: torch.dtype) -> Tensor:
        """(B, 77, 4096) embeddings of B prompts; None stands for "no condition", the empty prompt."""
        self.prepare(prompts, device)
        return torch.stack([self.bank.get(p) for p in prompts]).to(device, dtype)


def _device(device: str | torch.device) -> torch.device:
    from core.models.device import pick_device

    return device if isinstance(device, torch.device) else pick_device(device)
