"""The upsampler's data, training and publishing, on a few drawings in the real format."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from benchmarks import upsampler_quality
from core.datasets.drawings import CHECKED, STYLES, UNSEEN, drawings, unseen
from core.models.pocket_upsampler import MOST_NOISE
from core.models.registry import load
from training import publish_upsampler, train_upsampler
from training.state import load_state
from training.upsampler_data import CACHE, CROP, Crops
from training.upsampler_run import CLEAN, Recipe, Run, fringed, loss_of, noises, stratified

pytestmark = pytest.mark.slow

THINGS = 60
SLUGS = (*(f"thing-{k}" for k in range(THINGS)), "woman-in-a-hat")
SHAPE = {"widths": (8, 8, 8), "depths": (1, 1, 1, 1, 1)}
TINY = Recipe(**SHAPE, photo_share=0.0, batch=2, warmup=1, lr=3e-3, steps=6)


def colour(thing: int) -> tuple[int, int, int]:
    """The colour that tells which thing this is, in any order of its channels."""
    return 4 * thing, 4 * thing + 1, 4 * thing + 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """61 things in five styles, each all of one colour; thing 2 is missing in twemoji."""
    root = tmp_path_factory.mktemp("data") / "drawings256"
    root.mkdir()
    n = len(SLUGS)
    missing = ["twemoji" if k == 2 else "" for k in range(n)]
    (root / "names.tsv").write_text("".join(f"{s}\t{s}\t\t{m}\n" for s, m in zip(SLUGS, missing, strict=True)))
    for style in STYLES:
        tiles = np.full((80, 256, 256, 3), 255, np.uint8)
        for k in range(n):
            if missing[k] != style:
                tiles[k] = colour(k)
        sheet = tiles.reshape(4, 20, 256, 256, 3).swapaxes(1, 2).reshape(1024, 5120, 3)
        Image.fromarray(sheet).save(root / f"{style}-0.webp", lossless=True, quality=0, method=0)
    return root.parent


@pytest.fixture(scope="module")
def cache(tmp_path_factory, folder):
    """The folder of the decoded drawings."""
    place = tmp_path_factory.mktemp("cache")
    drawings(place / CACHE, folder)
    return place


@pytest.fixture
def work(tmp_path, cache):
    """A folder for a run that finds the drawings decoded."""
    (tmp_path / CACHE).symlink_to(cache / CACHE)
    return tmp_path


def test_things_are_held_out_in_every_style_and_twins_are_no_test(folder, cache):
    source = drawings(cache / CACHE, folder)
    judges, checked = unseen(source.slugs)
    assert len(judges) == UNSEEN and len(checked) == CHECKED and not judges & checked
    assert "woman-in-a-hat" not in judges | checked and unseen(source.slugs[::-1]) == (judges, checked)
    kept = source.pairs(judges | checked, of=False)
    assert len(kept) + len(source.pairs(judges | checked)) == len(STYLES) * len(SLUGS) - 1
    assert not {source.slugs[thing] for _, thing in kept} & (judges | checked)


def test_no_held_out_picture_and_no_white_cell_is_in_a_batch(folder, cache):
    crops = Crops(0.0, cache, folder)
    held = {k for k, slug in enumerate(crops.source.slugs) if slug in crops.unseen | crops.checked}
    seen = set()
    for k in range(60):
        x = crops.batch(4, torch.Generator().manual_seed(k))
        assert x.shape == (4, 3, CROP, CROP)
        seen |= {int(p) // 4 for p in ((x[:, :, 0, 0].amin(1) + 1) * 127.5).round()}
        assert x.amin((1, 2, 3)).max() < 1  # nothing is all white
    assert seen and not seen & held and max(seen) < len(SLUGS)
    assert seen <= {thing for _, thing in crops.pairs.tolist()}
    assert [1, 2] not in crops.pairs.tolist()  # twemoji's white cell


def test_the_data_set_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SystemExit, match="drawings256 was not found under"):
        train_upsampler.main(["--steps", "1", "--data", str(tmp_path), "--work", str(tmp_path)])


def test_two_steps_lower_the_loss(folder, work):
    run = Run(TINY, work, 0, torch.device("cpu"), bf16=False, data=folder)
    x_0 = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)).repeat_interleave(4, 2)
    x_0 = x_0.repeat_interleave(4, 3).cumsum(3) / 30
    loss = lambda: loss_of(run.net, x_0, torch.Generator().manual_seed(1))  # noqa: E731
    before = loss().item()
    for _ in range(2):
        run.net.zero_grad()
        loss().backward()
        for optimiser in run.optimisers.values():
            optimiser.step()
    assert loss().item() < before


@pytest.mark.parametrize("optimiser", ["muon", "adamw"])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(folder, work, cache, tmp_path_factory, monkeypatch, optimiser):
    monkeypatch.setattr(Run, "check", lambda self: None)
    recipe = Recipe(**vars(TINY) | {"optimiser": optimiser})
    whole = Run(recipe, work, 3, torch.device("cpu"), bf16=False, data=folder)
    whole.train()
    other = tmp_path_factory.mktemp("other")
    (other / CACHE).symlink_to(cache / CACHE)
    Run(recipe, other, 3, torch.device("cpu"), bf16=False, data=folder).train(stop_after=2)
    resumed = Run(recipe, other, 3, torch.device("cpu"), bf16=False, data=folder)
    assert resumed.step == 2
    resumed.train()
    for made, same in zip(whole.net.state_dict().values(), resumed.net.state_dict().values(), strict=True):
        assert torch.equal(made, same)
    parts, facts = load_state(other / "state.safetensors")
    assert facts["step"] == 6 and all(torch.equal(v, whole.ema.shadow[k]) for k, v in parts["ema"].items())
    with pytest.raises(ValueError, match="another recipe or seed"):
        Run(recipe, other, 4, torch.device("cpu"), bf16=False, data=folder)


def test_timesteps_and_noises_are_those_that_are_asked_about():
    g = torch.Generator().manual_seed(0)
    t, noise = stratified(1000, g), noises(4000, g)
    assert t.min() >= 0 and t.max() <= 999 and abs(t.float().mean() - 1000 / 1.7) < 5
    assert noise.min() == 0 and noise.max() <= MOST_NOISE and abs((noise == 0).float().mean() - CLEAN) < 0.03


def test_edges_are_overdrawn_where_there_is_noise_and_flat_parts_never():
    low = torch.zeros(2, 3, 8, 8)
    low[..., 4:] = 0.5
    made = fringed(low, torch.tensor([0.0, 0.2]), torch.Generator().manual_seed(0))
    assert torch.equal(made[0], low[0]) and torch.allclose(made[1, :, :, [0, 7]], low[1, :, :, [0, 7]])
    assert (made[1, :, 0, 3] < 0).all() and (made[1, :, 0, 4] > 0.5).all()  # darker beside the edge, brighter behind it
    assert made[1, :, 0, 4].unique().numel() == 3  # each colour by its own amount


def test_a_run_is_published_loaded_and_measured(folder, work, tmp_path_factory, monkeypatch, capsys):
    monkeypatch.setattr(Run, "check", lambda self: self.validation.append([self.step, 0, 0, 0, 0]))
    Run(TINY, work, 0, torch.device("cpu"), bf16=False, data=folder).train()
    out = tmp_path_factory.mktemp("checkpoints")
    publish_upsampler.main(["--state", str(work / "state.safetensors"), "--out", str(out)])
    card = json.loads((out / "pocket-up" / "card.json").read_text())
    assert card["recipe"]["steps_done"] == 6 and card["recipe"]["crops_seen"] == 12
    for source in ("Noto", "Twemoji", "CC BY 4.0", "Microsoft; MIT", "OpenMoji", "CC BY-SA 4.0", "Apache 2.0"):
        assert source in card["data"]
    assert "Tiny ImageNet" not in card["data"]  # none was used
    weights = load_file(out / "pocket-up" / "weights.safetensors")
    assert {v.dtype for v in weights.values()} == {torch.float16} and load("pocket-up", "cpu", out)
    assert "`pocket-up`" in (out / "README.md").read_text()
    words = ["--data", str(folder), "--cache", str(work / CACHE), "--folder", str(out), "--drawings", "2"]
    upsampler_quality.main([*words, "--device", "cpu", "--save-card", "--sheet", str(work / "sheet.png")])
    assert "2 drawings never seen" in capsys.readouterr().out and (work / "sheet.png").exists()
    rows = json.loads((out / "pocket-up" / "card.json").read_text())["metrics"]["rows"]
    assert [r["steps"] for r in rows if not r["noise"]] == [1, 2, 4, 8]


def test_a_run_learns_on_from_a_checkpoint_whose_run_stays_on_the_card(
    folder, work, cache, tmp_path_factory, monkeypatch
):
    monkeypatch.setattr(Run, "check", lambda self: None)
    out, further = (tmp_path_factory.mktemp(name) for name in ("checkpoints", "further"))
    Run(TINY, work, 0, torch.device("cpu"), bf16=False, data=folder).train()
    publish_upsampler.publish(work / "state.safetensors", out)
    (further / CACHE).symlink_to(cache / CACHE)
    recipe = Recipe(**vars(TINY) | {"init": str(out / "pocket-up"), "steps": 1})
    second = Run(recipe, further, 1, torch.device("cpu"), bf16=False, data=folder)
    before = load_file(out / "pocket-up" / "weights.safetensors")
    assert all(torch.equal(v, before[k].float()) for k, v in second.net.state_dict().items())
    second.train()
    card = publish_upsampler.publish(further / "state.safetensors", out)
    assert [run["steps_done"] for run in card["history"]] == [6] and card["recipe"]["steps_done"] == 1
    again = publish_upsampler.publish(further / "state.safetensors", out)
    assert again["history"] == card["history"], "it is published where it began, and stays one run"
    args = train_upsampler.parse(card["command"].split()[3:])
    assert args.init == str(out / "pocket-up") and args.steps == 1
    wide = [
        "--init",
        args.init,
        "--steps",
        "1",
        "--photo-share",
        "0",
        "--data",
        str(folder),
        "--work",
        str(further),
        "--device",
        "cpu",
    ]
    (further / "state.safetensors").unlink()
    with pytest.raises(SystemExit, match=r"have another shape; give their --widths and --depths\.$"):
        train_upsampler.main(wide)


def test_the_command_on_the_card_asks_for_the_same_run(monkeypatch):
    made = publish_upsampler.command(vars(TINY), 3, False)
    args = train_upsampler.parse(made.split()[3:])
    assert args.steps == 6 and args.seed == 3 and args.fp32 and args.photo_share == 0 and args.widths == [8, 8, 8]
