"""What is told of DeepFloyd's files without a network, downloads from a hub on this machine, and every failure's sentence."""

import errno
import json
from types import SimpleNamespace

import pytest
import torch
from fake_hub import GATES, SHA, fake_hub
from huggingface_hub import constants

from core.checks import ModelError
from core.models import registry
from core.models.deepfloyd import download, hub
from core.models.deepfloyd.failures import attempt, diagnose, explain
from core.runs.prompts import default_model

pytestmark = pytest.mark.slow

REPOSITORY = "DeepFloyd/IF-I-XL-v1.0"
PAGE = f"https://huggingface.co/{REPOSITORY}"
SECRET = "hf_averysecrettokenindeed"
FILES = {
    "model_index.json": b"{}",
    "unet/config.json": b"{}",
    "unet/diffusion_pytorch_model.fp16.safetensors": b"u" * 900_000,
    "unet/diffusion_pytorch_model.safetensors": b"full precision",
    "unet/diffusion_pytorch_model.bin": b"a pickle",
    "text_encoder/config.json": b"{}",
    "text_encoder/model.fp16-00001-of-00002.safetensors": b"1" * 1000,
    "text_encoder/model.fp16-00002-of-00002.safetensors": b"2" * 1000,
    "text_encoder/model.safetensors.index.fp16.json": b"{}",
    "tokenizer/spiece.model": b"pieces",
    "scheduler/scheduler_config.json": b"{}",
    "safety_checker/config.json": b"{}",
    "safety_checker/model.safetensors": b"s" * 10,
    "feature_extractor/preprocessor_config.json": b"{}",
    "watermarker/config.json": b"{}",
    "watermarker/diffusion_pytorch_model.safetensors": b"w" * 10,
    "IF-I-XL-v1.0.ckpt": b"a pickle",
}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, no token, online."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
    return tmp_path


def put(cache, files, repository=REPOSITORY):
    """Place files as the hub's client would."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(SHA)
    for file, body in files.items():
        path = folder / "snapshots" / SHA / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder / "snapshots" / SHA


@pytest.fixture
def gpu(monkeypatch):
    """A CUDA GPU of a number of gigabytes, as far as `availability` looks."""

    def pretend(gigabytes):
        class Properties:
            total_memory = gigabytes * 1e9

        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: Properties)

    return pretend


# ---- What is here ----


def test_without_a_token_the_licence_comes_first(cache):
    told = hub.availability("if-xl")
    assert told.state == "licence"
    assert PAGE in told.sentence and "20.8 GB" in told.sentence and "HF_TOKEN" in told.sentence
    assert registry.availability("if-xl") == (False, told.sentence)


def test_with_a_token_only_the_download_is_missing(cache, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", SECRET)
    told = hub.availability("if-xl")
    assert (told.state, SECRET in told.sentence) == ("download", False)
    assert hub.availability("x4-upscaler").sentence == "Needs a download of 1.8 GB."


def test_offline_nothing_can_be_downloaded(cache, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert hub.availability("if-m").state == "offline"
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE forbids"):
        next(download.download("if-m"))


def test_a_model_that_is_here_needs_a_gpu_that_is_large_enough(cache, gpu):
    put(cache, FILES)
    assert hub.availability("if-xl").state == "gpu"
    assert default_model() == "pocket"
    gpu(8)
    assert "10 GB of memory; this one has 8 GB" in hub.availability("if-xl").sentence
    assert default_model() == "pocket"
    gpu(16)
    assert hub.availability("if-xl") == hub.Availability("ready", "Ready.")
    assert default_model() == "if-xl"


@pytest.mark.parametrize(
    "lost, state",
    [
        ("unet/diffusion_pytorch_model.fp16.safetensors", "ready"),  # full precision is there
        ("unet/config.json", "licence"),
        ("watermarker/diffusion_pytorch_model.safetensors", "licence"),
    ],
)
def test_a_part_that_is_missing_is_noticed(cache, gpu, lost, state):
    gpu(16)
    put(cache, {file: body for file, body in FILES.items() if file != lost})
    assert hub.availability("if-xl").state == state


def test_a_text_encoder_without_one_shard_is_not_here(cache, gpu):
    gpu(16)
    lost = "text_encoder/model.fp16-00002-of-00002.safetensors"
    folder = put(cache, {file: body for file, body in FILES.items() if file != lost})
    told = hub.availability("if-xl")
    assert told.state == "ready" and "prompts in the prompt bank" in told.sentence
    (folder / lost).symlink_to(folder / "blob-that-was-never-finished")
    assert hub.missing(hub.REPOSITORIES["if-xl"], hub.TEXT) == ["text_encoder"]


def test_the_registry_knows_every_repository():
    for name, r in hub.REPOSITORIES.items():
        assert registry.spec(name).task == ("text" if r.stage == 1 else "upscale")
        assert registry.card(name)["architecture"]["parameters"] == r.parameters


# ---- Downloads ----


def test_half_precision_is_chosen_and_never_a_pickle():
    r = hub.REPOSITORIES["if-xl"]
    chosen = download.choose({f: len(b) for f, b in FILES.items()}, r.parts + r.text)
    left = FILES.keys() - chosen.keys()
    assert left == {
        "unet/diffusion_pytorch_model.safetensors",
        "unet/diffusion_pytorch_model.bin",
        "scheduler/scheduler_config.json",
        "IF-I-XL-v1.0.ckpt",
    }


@pytest.fixture
def asking(monkeypatch):
    """Make this process and its children ask another hub, with a token."""

    def ask(address, cache):
        monkeypatch.setattr(constants, "ENDPOINT", address)
        for key, value in {"HF_ENDPOINT": address, "HF_HUB_CACHE": str(cache), "HF_TOKEN": SECRET}.items():
            monkeypatch.setenv(key, value)
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)

    return ask


def test_a_download_tells_its_progress_and_makes_the_model_available(cache, gpu, asking):
    gpu(16)
    with fake_hub(REPOSITORY, FILES) as (address, asked):
        asking(address, cache)
        told = list(download.download("if-xl"))
        once = [path for path in asked if "/resolve/" in path]
        assert list(download.fetch(hub.REPOSITORIES["if-xl"])) == told[-1:]  # everything is here
        assert [path for path in asked if "/resolve/" in path] == once
    done = [progress.done for progress in told]
    assert done == sorted(done) and done[-1] == told[-1].total > 900_000
    assert hub.availability("if-xl") == hub.Availability("ready", "Ready.")
    assert not any(path.endswith((".bin", ".ckpt")) for path in asked)


@pytest.mark.parametrize(("name", "revision"), [("if-xl", SHA), ("if-m", "main")])
def test_the_revision_that_is_named_is_the_one_that_is_fetched_and_used(name, revision, cache, asking):
    r = hub.REPOSITORIES[name]
    files = {file: body for file, body in FILES.items() if not file.startswith(("text", "tok"))}
    assert r.revision == revision
    with fake_hub(r.id, files) as (address, asked):
        asking(address, cache)
        list(download.download(name))
    fetched = [path for path in asked if "/resolve/" in path]
    assert len(fetched) > 5 and all(path.startswith(f"/{r.id}/resolve/{revision}/") for path in fetched)
    assert f"/api/models/{r.id}/revision/{revision}" in asked and hub.snapshot(r.id).name == SHA


def test_another_revision_that_is_here_is_used_until_the_named_one_is(cache, gpu):
    gpu(16)
    folder = put(cache, FILES)
    assert hub.snapshot(REPOSITORY) == folder
    other = folder.rename(folder.parent / ("1" * 40))
    assert hub.snapshot(REPOSITORY) is None
    (folder.parents[1] / "refs" / "main").write_text(other.name)
    assert hub.snapshot(REPOSITORY) == other and hub.availability("if-xl").state == "ready"


def test_closing_a_download_stops_it(cache, asking):
    files = FILES | {"unet/diffusion_pytorch_model.fp16.safetensors": b"u" * 2**26}
    with fake_hub(REPOSITORY, files, pause=0.01) as (address, _):
        asking(address, cache)
        steps = download.download("if-xl")
        under_way = next(p for p in steps if p.file.startswith("unet/diff") and p.done > 2**17)
        steps.close()
    assert under_way.done < under_way.total / 2
    blobs = list((cache / "models--DeepFloyd--IF-I-XL-v1.0" / "blobs").iterdir())
    assert blobs and not any(b.name.endswith(".incomplete") for b in blobs)
    assert hub.availability("if-xl").state == "download"


SENTENCES = {
    "no token": f"needs a token: accept its licence at {PAGE}",
    "no licence": f"has not accepted the licence of {REPOSITORY}: accept it at {PAGE}",
    "invalid token": "The Hugging Face token is not valid",
    "weak token": "may not read gated repositories",
    "trouble": r"has trouble \(error 503\)",
}


@pytest.mark.parametrize("gate", GATES)
def test_the_gate_s_answer_becomes_one_sentence(cache, asking, capsys, gate):
    with fake_hub(REPOSITORY, FILES, gate) as (address, asked):
        asking(address, cache)
        assert download.main("if-xl") == 1
    out, err = capsys.readouterr()
    sentence = json.loads(out.splitlines()[-1])["error"]
    with pytest.raises(ModelError, match=SENTENCES[gate]):
        raise ModelError(sentence)
    assert SECRET not in out + err
    assert not any("/resolve/" in path for path in asked)


def test_an_unreachable_hub_and_an_offline_one_are_told_apart(cache, asking, capsys, monkeypatch):
    asking("http://127.0.0.1:9", cache)
    assert download.main("if-xl") == 1
    assert "cannot be reached" in capsys.readouterr().out
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert download.main("if-xl") == 1
    assert "HF_HUB_OFFLINE forbids" in capsys.readouterr().out


def test_the_child_s_sentence_reaches_the_caller(cache, asking):
    with fake_hub(REPOSITORY, FILES, "no licence") as (address, _):
        asking(address, cache)
        with pytest.raises(ModelError, match=SENTENCES["no licence"]):
            list(download.download("if-xl"))


def test_a_disk_that_is_too_small_is_noticed_before(cache, asking, capsys, monkeypatch):
    class Usage:
        free = 1000

    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: Usage)
    with fake_hub(REPOSITORY, FILES) as (address, _):
        asking(address, cache)
        assert download.main("if-xl") == 1
    assert "The disk is too full" in capsys.readouterr().out


def test_a_download_of_something_else_is_refused(capsys):
    assert download.main("gpt") == 2
    assert "there are if-m, if-l" in capsys.readouterr().out


# ---- What went wrong ----


def gated(status):
    """The hub's own exception."""
    from huggingface_hub.errors import GatedRepoError

    response = SimpleNamespace(status_code=status, headers={}, request=None)
    return GatedRepoError(f"{status} Client Error: {SECRET}", response=response)


def wrapped(cause, how):
    """As the loaders wrap it: `from`, or while handling it."""
    try:
        try:
            raise cause
        except Exception:
            if how == "cause":
                raise OSError("not a valid model identifier") from cause
            raise OSError("is not a local folder and is not a valid model identifier")  # noqa: B904
    except OSError as e:
        return e


@pytest.mark.parametrize("how", ["cause", "context"])
@pytest.mark.parametrize("status, part", [(401, "needs a token"), (403, "has not accepted the licence")])
def test_the_gate_is_found_under_misleading_errors(status, part, how):
    sentence = explain(wrapped(gated(status), how), "if-xl")
    assert part in sentence and PAGE in sentence and SECRET not in sentence


@pytest.mark.parametrize(
    "error, part",
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full"),
        (torch.OutOfMemoryError("CUDA out of memory."), "The memory ran out"),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), "The memory ran out"),
        (MemoryError(), "The memory ran out"),
        (ConnectionResetError("reset by peer"), "cannot be reached"),
        (TimeoutError(), "cannot be reached"),
    ],
)
def test_the_disk_the_memory_and_the_network_are_named(error, part):
    assert part in explain(error, "if-xl")
    assert part in explain(wrapped(error, "cause"), "if-xl")


def test_an_unknown_error_is_not_given_a_cause():
    assert diagnose(ValueError("x"), "if-m") is None
    assert explain(ValueError(SECRET), "if-m") == "DeepFloyd/IF-I-M-v1.0 could not be used: ValueError."
    with pytest.raises(ZeroDivisionError):
        attempt(lambda: 1 / 0, "if-m")
