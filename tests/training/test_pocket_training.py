"""Pocket's data, training and publishing, on data sets of a few pictures in the real formats."""

import dataclasses
import io
import json
import math
import shlex
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from safetensors.torch import load_file
from toys import (
    DRAWINGS,
    EVERYDAY,
    SHAPE,
    WORDS,
    checkpoint,
    data,
    lively,
    photo_colour,
    same_pocket,
    tiny_pocket,
)

from benchmarks import pocket_quality
from core.datasets.pictures import HELD_OUT, PER_CLASS, Subject, emoji, photo_names, photos, unit, with_article
from core.models.captions import DRAWING_STYLES, LENGTH, Vocabulary
from core.models.photo_classifier import PhotoClassifier
from core.models.pocket import SCHEDULE
from core.models.registry import CHECKPOINTS, card, load
from core.models.text_unet import TextUNet
from core.pictures.images import to_uint8, webp
from training import budgeted, pocket_data, pocket_run, provenance, publish_pocket, train_photo_classifier, train_pocket
from training.pocket_data import (
    DROPPED,
    FIVE_STYLES,
    SHIFT,
    Pictures,
    flip,
    shift,
)
from training.pocket_run import LEVELS, Loss, Recipe, Run, build, start_from, stratified
from training.pocket_sheet import LEARNED, PROMPTS, samples, sheet
from training.state import load_state, optimiser_tensors, save_state

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
TINY = {**SHAPE, "batch": 4, "warmup": 2, "steps": 6, "photo_share": 0.5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three kinds of photo and 53 drawings."""
    return data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def pictures(folder):
    return Pictures("all", 0.5, CPU, folder)


@pytest.fixture(scope="module")
def accelerator():
    return Accelerator(cpu=True, mixed_precision="no")


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Checks of a run with few pictures and steps."""
    monkeypatch.setattr(pocket_run, "CHECKED", 4)
    monkeypatch.setattr(pocket_run, "sheet", lambda pocket, autocast: sheet(pocket, autocast, steps=1))


def real(which: str) -> tuple[torch.Tensor, list[Subject]]:
    """The real drawings, where they are at hand."""
    try:
        return emoji(which)
    except FileNotFoundError as e:
        pytest.skip(str(e))


def g(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# ---- reading ----


def test_photos_come_in_the_order_of_their_sheets(folder):
    tiles, subjects = photos(folder)
    assert tiles.shape == (3, PER_CLASS, 64, 64, 3) and tiles.dtype == torch.uint8
    expected = torch.tensor([[photo_colour(k, i) for i in range(PER_CLASS)] for k in range(3)])
    assert (tiles[:, :, ::21, ::21].long() - expected[:, :, None, None]).abs().max() <= 3
    assert [s.names for s in subjects] == [("goldfish",), ("beacon", "lighthouse", "pharos"), ("school bus",)]
    assert all(s.photo for s in subjects)


def test_drawings_keep_their_names_and_leave_out_skin_tones_and_flags(folder):
    tiles, subjects = emoji("all", folder)
    kept = [i for i, (_, name, _) in enumerate(DRAWINGS) if "skin tone" not in name and "flag:" not in name]
    assert [s.names[0] for s in subjects] == [DRAWINGS[i][1] for i in kept] and len(kept) == len(DRAWINGS) - 2
    squares = np.random.default_rng(0).integers(0, 256, (len(DRAWINGS), 4, 4, 3), dtype=np.uint8)
    assert np.array_equal(tiles[:, 13:56:12, 13:56:12].numpy(), squares[kept])
    assert (tiles[:, :8] == 255).all()
    assert subjects[0].names == ("rocket", "space ship")
    assert subjects[1].names == ("OK button",), "an alias of two letters, or with capitals, is none"


def test_everyday_drawings_are_those_that_are_listed(folder):
    tiles, subjects = emoji("everyday", folder)
    assert [s.names[0] for s in subjects] == list(EVERYDAY)
    everything, names = emoji("all", folder)
    at = [[s.names[0] for s in names].index(name) for name in EVERYDAY]
    assert torch.equal(tiles, everything[at])


@pytest.mark.parametrize("read, what", [(photos, "photos64"), (emoji, "emoji64")])
def test_missing_data_is_one_sentence(read, what, tmp_path):
    with pytest.raises(
        FileNotFoundError, match=rf"^{what} was not found under .*--data or the variable DIFFUSION_DATA\.$"
    ):
        read(folder=tmp_path)


@pytest.mark.parametrize(
    "lemmas, names",
    [
        ("goldfish, Carassius auratus", ("goldfish",)),
        ("Persian cat", ("Persian cat",)),
        ("American lobster, Northern lobster, Maine lobster, Homarus americanus", ("American lobster", "Northern lobster", "Maine lobster")),
        ("tailed frog, bell toad, ribbed toad, tailed toad, Ascaphus trui", ("tailed frog", "bell toad", "ribbed toad")),
        ("Chihuahua", ("Chihuahua",)),
        ("Carassius auratus", ("Carassius auratus",)),
    ],
)  # fmt: skip
def test_photos_have_everyday_names(lemmas, names):
    assert photo_names(lemmas) == names


def test_captions_have_articles_and_every_name():
    assert with_article("owl") == "an owl" and with_article("rose") == "a rose" and with_article("Eagle") == "an Eagle"
    drawing, photo = Subject(("Owl", "bird"), False).captions(), Subject(("lion",), True).captions()
    assert {"an emoji of an Owl", "a drawing of a bird", "an Owl", "owl", "bird"} <= set(drawing)
    assert {"a photo of a lion", "a high quality photo of a lion", "lion"} <= set(photo)
    assert not any("photo" in c for c in drawing) and not any("emoji" in c for c in photo)


def test_the_vocabulary_has_every_word_of_every_caption(pictures):
    v = pictures.vocabulary
    for s in (*pictures.drawing_subjects, *pictures.photo_subjects):
        assert not any(v.unknown(c) for c in s.captions())
    assert v.words == sorted(set(v.words)) and {"rocket", "goldfish", "emoji", "photo", "quality"} <= set(v.words)
    assert v.unknown("Carassius") == ["carassius"]


def test_the_real_drawings_have_no_flags_and_every_button():
    _, subjects = real("all")
    names = [s.names[0] for s in subjects]
    assert len(names) == len(set(names)) > 1500
    assert {"OK button", "A button (blood type)", "rocket"} <= set(names)
    assert not any(n.startswith("flag: ") or "skin tone" in n for n in names)


# ---- batches ----


def test_a_batch_is_captioned_pictures_in_range(pictures):
    x, ids = pictures.batch(9, g())
    assert x.shape == (9, 3, 64, 64) and x.dtype == torch.float32 and -1 <= x.min() < x.max() <= 1
    assert ids.shape == (9, LENGTH) and ids.dtype == torch.int64
    assert ids.min() >= 0 and ids.max() < len(pictures.vocabulary)


def test_a_batch_follows_from_its_generator_alone(pictures):
    torch.manual_seed(1)
    first = pictures.batch(9, g(5))
    state = torch.random.get_rng_state()
    second = pictures.batch(9, g(5))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert torch.equal(state, torch.random.get_rng_state())
    assert not torch.equal(first[0], pictures.batch(9, g(6))[0])


def uniform(x: torch.Tensor) -> torch.Tensor:
    """(B,) whether each picture is one colour, which photos are here and drawings are not."""
    return x.flatten(2).std(2).amax(1) < 0.02


@pytest.mark.parametrize("share, n", [(0.3, 5), (0.0, 4), (1.0, 4), (0.5, 4)])
def test_the_share_of_photos_is_exact_on_average(share, n, pictures, monkeypatch):
    monkeypatch.setattr(pictures, "share", share)
    source = g()
    counts = [int(uniform(pictures.batch(n, source)[0]).sum()) for _ in range(400 if share == 0.3 else 20)]
    assert set(counts) <= {math.floor(n * share), math.ceil(n * share)}
    assert np.mean(counts) == pytest.approx(n * share, abs=0.08)


def test_one_photo_in_ten_has_no_caption_and_no_drawing_is_without(pictures):
    x, ids = pictures.batch(2400, g())
    photo = uniform(x)
    encode = pictures.vocabulary.encode
    empty = (ids == encode([""])).all(1)
    plain = (ids[:, None] == encode(pocket_data.PLAIN_DRAWING)).all(2).any(1)
    assert empty[photo].float().mean().item() == pytest.approx(DROPPED, abs=0.02)
    assert plain[~photo].float().mean().item() == pytest.approx(DROPPED, abs=0.02)
    assert not empty[~photo].any() and not plain[photo].any()


def test_captions_belong_to_their_pictures(pictures):
    x, ids = pictures.batch(800, g())
    encode = pictures.vocabulary.encode
    tiles, subjects = pictures.drawings, pictures.drawing_subjects
    plain = {
        True: {tuple(row) for row in encode(["", *pocket_data.PLAIN_PHOTO]).tolist()},
        False: {tuple(row) for row in encode(pocket_data.PLAIN_DRAWING).tolist()},
    }
    allowed = {s: {tuple(row) for row in encode(s.captions()).tolist()} for s in (*subjects, *pictures.photo_subjects)}
    middles = unit(tiles)[:, :, 13:56:12, 13:56:12].flatten(1)
    seen = set()
    for picture, row, photo in zip(x, ids.tolist(), uniform(x), strict=True):
        if photo:
            red = (picture[0].mean().item() + 1) * 127.5
            subject = pictures.photo_subjects[round((red - 40) / 80)]
        else:
            d = (middles - picture[:, 13:56:12, 13:56:12].flatten()).abs().amax(1)
            assert d.min() < 1e-6  # squares of 12 pixels hold still under a shift of 2
            subject = subjects[d.argmin()]
        assert tuple(row) in allowed[subject] | plain[bool(photo)], (subject, row)
        seen.add(subject)
    assert len(seen) > 40


def test_photos_held_out_are_never_trained_on(folder):
    made = Pictures("all", 1.0, CPU, folder)
    assert len(made.held_out) == 3 * HELD_OUT and len(made.photos) == 3 * (PER_CLASS - HELD_OUT)
    held_out = {photo_colour(k, i) for k in range(3) for i in range(PER_CLASS - HELD_OUT, PER_CLASS)}
    every = {photo_colour(k, i) for k in range(3) for i in range(PER_CLASS)}
    table = torch.tensor(sorted(every)).float()

    def names(images: torch.Tensor) -> set:
        """Each photo, told by its colour; the JPEG may be off by a little."""
        nearest = torch.cdist(images[:, 32, 32].float(), table).argmin(1).tolist()
        return {tuple(int(c) for c in table[i]) for i in nearest}

    assert names(made.held_out) == held_out and names(made.photos) == every - held_out
    drawn = torch.cat([made.batch(500, g(seed))[0] for seed in range(3)])
    pixels = torch.from_numpy(to_uint8(drawn, -1, 1))
    assert not names(pixels) & held_out and len(names(pixels)) > 500


def test_pixels_go_from_minus_one_to_one():
    x = unit(torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 1, 1, 3).expand(2, 64, 64, 3))
    assert x.shape == (2, 3, 64, 64) and x[0, :, 5, 7].tolist() == pytest.approx([-1, -0.6, 1])


def test_flips_mirror_the_pictures_that_were_chosen():
    x = torch.rand(4, 3, 64, 64, generator=g())
    found = flip(x, torch.tensor([0, 1, 1, 0]))
    for picture, flipped, result in zip(x, (False, True, True, False), found, strict=True):
        expected = torch.tensor(picture.numpy()[:, :, ::-1].copy()) if flipped else picture
        assert torch.equal(result, expected)


def test_shifts_move_by_whole_pixels_and_repeat_the_border():
    x = torch.rand(3, 3, 64, 64, generator=g())
    dx, dy = torch.tensor([0, 2, -1]), torch.tensor([0, -2, 1])
    expected = torch.empty_like(x)
    for b in range(3):
        for i in range(64):
            for j in range(64):
                row, column = min(max(i + int(dy[b]), 0), 63), min(max(j + int(dx[b]), 0), 63)
                expected[b, :, i, j] = x[b, :, row, column]
    assert torch.equal(shift(x, dx, dy), expected)
    assert torch.equal(expected[0], x[0])


def test_photos_are_flipped_half_the_time_and_everything_is_shifted_a_little(pictures, monkeypatch):
    flips, shifts = [], []
    monkeypatch.setattr(pocket_data, "flip", lambda x, which: flips.append(which) or flip(x, which))
    monkeypatch.setattr(pocket_data, "shift", lambda x, dx, dy: shifts.extend([dx, dy]) or shift(x, dx, dy))
    pictures.batch(1000, g())
    (which,), (dx, dy) = flips, shifts
    assert len(which) == 500 and which.float().mean().item() == pytest.approx(0.5, abs=0.08)
    for d in (dx, dy):
        assert len(d) == 1000 and sorted(set(d.tolist())) == list(range(-SHIFT, SHIFT + 1))
    assert not torch.equal(dx, dy)


# ---- timesteps ----


@pytest.mark.parametrize("n", [1, 7, 16, 125])
def test_timesteps_come_one_from_each_part_of_the_schedule(n):
    source, orders = g(), set()
    for _ in range(20):
        t = stratified(n, source)
        assert t.shape == (n,) and t.dtype == torch.int64
        low, high = (1000 * (torch.arange(n) / n + edge).clamp(max=1) ** 0.6 for edge in (0, 1 / n))
        assert ((low - 1 < t.sort().values) & (t.sort().values < high + 1e-3)).all()
        assert t.min() >= 0 and t.max() < 1000
        orders.add(tuple(t.argsort().tolist()))
    assert (len(orders) > 1) == (n > 1)


def test_the_share_of_timesteps_below_t_is_t_to_the_power_of_five_thirds():
    source = g()
    t = torch.cat([stratified(16, source) for _ in range(2000)])
    shares = [(t < level).float().mean().item() for level in range(100, 1001, 100)]
    assert shares == pytest.approx([(k / 10) ** (1 / 0.6) for k in range(1, 11)], abs=0.003)


def test_a_timestep_never_reaches_the_clean_end(monkeypatch):
    """In float32, 15 + the largest random number is 16."""
    monkeypatch.setattr(torch, "rand", lambda n, generator: torch.full((n,), 1 - 2**-24))
    assert stratified(16, g()).max() == SCHEDULE.T - 1


# ---- runs ----


def run(folder, work, accelerator, **changes) -> Run:
    """A tiny run in float32 on the CPU."""
    return Run(Recipe(**TINY | changes), work, 3, accelerator, str(folder))


def test_the_loss_is_the_squared_error_of_v():
    net = lively(TextUNet(20, LENGTH, *SHAPE.values()))
    x_0, eps = torch.rand(2, 3, 64, 64, generator=g()) * 2 - 1, torch.randn(2, 3, 64, 64, generator=g(1))
    ids, t = Vocabulary(WORDS).encode(["a rose", ""]), torch.tensor([700, 20])
    a = SCHEDULE.alpha_bar[t].sqrt().float().view(-1, 1, 1, 1)
    s = (1 - SCHEDULE.alpha_bar[t]).sqrt().float().view(-1, 1, 1, 1)
    v = net(a * x_0 + s * eps, t, net.encoder(ids))
    expected = ((v - (a * eps - s * x_0)) ** 2).flatten(1).mean(1)
    torch.testing.assert_close(Loss(net)(x_0, ids, t, eps), expected, atol=1e-5, rtol=1e-4)


def test_the_loss_falls(folder, tmp_path, accelerator):
    made = run(folder, tmp_path, accelerator, lr=1e-2, photo_share=1.0, batch=8, steps=40)
    made.train(stop_after=30)
    first, last = (torch.stack(part).mean().item() for part in (made.curve.pending[:5], made.curve.pending[-5:]))
    assert len(made.curve.pending) == 30 and last < 0.9 * first


def test_the_rate_warms_up_and_falls(folder, tmp_path, accelerator):
    made = run(folder, tmp_path, accelerator, lr=1.0, warmup=4, floor=0.1, steps=100)
    rates = []
    for made.step in (0, 1, 3, 50, 100):
        made.done = made.progress()
        rates.append(made.rate(made.step))
    assert rates == pytest.approx([0.25, 0.5 * 0.991, 0.973, 0.55, 0.1])


def test_every_optimiser_follows_the_rate(folder, tmp_path, accelerator):
    made = run(folder, tmp_path, accelerator, lr=1e-3, warmup=2, floor=0.1, steps=4)
    for steps, rate in ((1, 0.5e-3), (2, 0.55e-3)):  # in the warm-up, then with half of the budget used
        made.train(stop_after=steps)
        rates = [group["lr"] for optimiser in made.optimisers.values() for group in optimiser.param_groups]
        assert rates == pytest.approx([rate] * 2)


def test_a_resumed_run_has_what_is_left_of_its_minutes(folder, tmp_path, accelerator, monkeypatch):
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(budgeted, "time", SimpleNamespace(monotonic=lambda: clock.now))
    first = run(folder, tmp_path, accelerator, steps=0, minutes=10)
    clock.now += 240
    assert first.progress() == pytest.approx(0.4)
    first.save()
    clock.now = 7.0  # of another machine, or after a restart
    resumed = run(folder, tmp_path, accelerator, steps=0, minutes=10)
    assert resumed.progress() == pytest.approx(0.4)
    clock.now += 60
    assert resumed.clock() == 300 and resumed.progress() == pytest.approx(0.5)


@pytest.mark.parametrize("killed_after", [1, 4])
def test_a_killed_run_resumes_to_the_same_weights(killed_after, folder, tmp_path, accelerator, monkeypatch):
    monkeypatch.setattr(pocket_run, "CURVE_EVERY", 3)
    whole = run(folder, tmp_path / "whole", accelerator)
    whole.train()
    run(folder, tmp_path / "killed", accelerator).train(stop_after=killed_after)
    resumed = run(folder, tmp_path / "killed", accelerator)
    assert resumed.step == killed_after
    resumed.train()
    assert resumed.step == whole.step == TINY["steps"]
    for key, value in whole.net.state_dict().items():
        assert torch.equal(value, resumed.net.state_dict()[key]), key
        assert torch.equal(whole.ema.shadow[key], resumed.ema.shadow[key]), key
    assert whole.validation[-1] == resumed.validation[-1]
    assert whole.curve.points == resumed.curve.points and [step for step, _ in whole.curve.points] == [3, 6]


def test_a_run_resumes_without_the_folder_that_it_began_from(folder, tmp_path, accelerator):
    begun = checkpoint(tmp_path, tiny_pocket(seed=1), history=[{"steps": 5}])
    changes = {"init": str(begun), "widths": SHAPE["widths"], "depth": SHAPE["depth"], "text": SHAPE["text"]}
    run(folder, tmp_path / "work", accelerator, **changes).train(stop_after=1)
    shutil.rmtree(begun)
    resumed = run(folder, tmp_path / "work", accelerator, **changes)
    assert resumed.step == 1 and resumed.history == [{"steps": 5}]


def test_a_state_from_before_muon_is_resumed(folder, tmp_path, accelerator):
    old = run(folder, tmp_path, accelerator, optimiser="adamw")
    old.train(stop_after=2)
    parts, facts = load_state(old.state_file)
    parts["optimiser"] = parts.pop("adamw")
    del facts["recipe"]["optimiser"]
    save_state(old.state_file, parts, facts)
    with pytest.raises(ValueError, match="another recipe"):
        run(folder, tmp_path, accelerator)
    resumed = run(folder, tmp_path, accelerator, optimiser="adamw")
    (moments, kept) = (optimiser_tensors(r.optimisers["adamw"]) for r in (resumed, old))
    assert resumed.step == 2 and kept and all(torch.equal(v, moments[k]) for k, v in kept.items())


def test_a_run_is_checked_and_kept(folder, tmp_path, accelerator):
    made = run(folder, tmp_path, accelerator)
    made.train()
    (step, kept, drawn), (parts, facts) = made.validation[-1], load_state(made.state_file)
    assert step == 6 and len(kept) == len(drawn) == len(LEVELS) and all(0 < e < 3 for e in kept + drawn)
    assert {f.name for f in tmp_path.iterdir()} == {"state.safetensors", "sheet-0000006.png"}
    assert facts["step"] == 6 and facts["words"] == made.pictures.vocabulary.words and facts["history"] == []
    assert all(torch.equal(parts["ema"][k], v) for k, v in made.ema.shadow.items())
    assert not torch.equal(made.net.leave.weight, torch.zeros_like(made.net.leave.weight))


def test_another_recipe_or_seed_is_not_resumed(folder, tmp_path, accelerator):
    made = run(folder, tmp_path, accelerator)
    made.train(stop_after=1)
    for recipe, seed in ((dataclasses.replace(made.recipe, lr=0.5), made.seed), (made.recipe, made.seed + 1)):
        with pytest.raises(ValueError, match=r"^\S+ belongs to another recipe or seed; move it away or pass --work\.$"):
            Run(recipe, tmp_path, seed, accelerator, str(folder))
    parts, facts = load_state(made.state_file)
    save_state(made.state_file, parts, facts | {"precision": "bf16"})
    with pytest.raises(ValueError, match="another recipe"):
        Run(made.recipe, tmp_path, made.seed, accelerator, str(folder))


def test_a_run_starts_from_its_seed_whatever_was_drawn_before(folder, tmp_path, accelerator):
    torch.manual_seed(1)
    first = run(folder, tmp_path / "a", accelerator)
    torch.manual_seed(2)
    second = run(folder, tmp_path / "b", accelerator)
    assert all(torch.equal(v, second.net.state_dict()[k]) for k, v in first.net.state_dict().items())


def test_a_sheet_has_one_picture_per_prompt():
    pocket = tiny_pocket()
    picture = sheet(pocket, steps=1)
    assert len(PROMPTS) == 16 and picture.width // 8 == picture.height // 2 >= 128
    pixels = np.asarray(picture)
    assert pixels.std() > 5 and not np.array_equal(pixels[:128, :128], pixels[:128, -128:])


# ---- starting from a checkpoint ----


def test_words_keep_their_rows_when_the_vocabulary_widens(tmp_path):
    old = tiny_pocket(seed=1)
    runs = [{"steps": 5}]
    out = checkpoint(tmp_path, old, history=runs)
    words = sorted([*WORDS, "aardvark", "rocket", "zebra"])
    net = TextUNet(len(words) + 2, LENGTH, *SHAPE.values())
    fresh = net.encoder.word.weight.detach().clone()
    assert start_from(net, words, out) == runs
    same = same_pocket(old)
    rows, old_rows = net.encoder.word.weight, same.net.encoder.word.weight
    assert torch.equal(rows[:2], old_rows[:2])
    for i, word in enumerate(words):
        expected = old_rows[WORDS.index(word) + 2] if word in WORDS else fresh[i + 2]
        assert torch.equal(rows[i + 2], expected), word
    x, t, prompts = torch.randn(2, 3, 64, 64, generator=g()), torch.tensor([900, 100]), ["a rose", None]
    with torch.no_grad():
        found = net.eval()(x, t, net.encoder(Vocabulary(words).encode(["a rose", ""])))
    torch.testing.assert_close(found, same.net(x, t, same.encode(prompts)), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_network_may_grow_in_the_middle_and_begins_as_it_was(tmp_path):
    old = tiny_pocket(seed=1)
    out = checkpoint(tmp_path, old, history=[])
    net = build(Recipe(**SHAPE | {"middle": 6}), len(WORDS) + 2).eval()
    start_from(net, list(WORDS), out)
    same = same_pocket(old)
    x, t, cond = torch.randn(2, 3, 64, 64, generator=g()), torch.tensor([900, 100]), same.encode(["a rose", None])
    torch.testing.assert_close(net(x, t, cond), same.net(x, t, cond), atol=1e-5, rtol=1e-5)
    lively(net)  # what was zero
    assert (net(x, t, cond) - same.net(x, t, cond)).abs().max() > 1e-2, "the new blocks are heard"


@pytest.mark.parametrize(
    "shape", [{"widths": (8, 16, 24)}, {"text": 24}, {"depth": 2}, {"middle": 1}, {"widths": (8, 16)}], ids=str
)
def test_a_network_of_another_shape_is_refused_in_one_sentence(shape, tmp_path):
    out = checkpoint(tmp_path, tiny_pocket(), history=[])
    net = TextUNet(len(WORDS) + 2, LENGTH, *(SHAPE | shape).values())
    with pytest.raises(ValueError, match=r"^\S+ holds a network of another shape\.$"):
        start_from(net, list(WORDS), out)


# ---- publishing ----


@pytest.fixture
def published(folder, tmp_path, accelerator, monkeypatch):
    """A run of four steps and its checkpoint, in small shards."""
    monkeypatch.setattr(publish_pocket, "SHARD", 20_000)
    made = run(folder, tmp_path / "work", accelerator, steps=4)
    made.train()
    return made, publish_pocket.publish(made.state_file, tmp_path / "made", str(folder)), tmp_path / "made"


def test_shards_keep_every_weight_in_order_and_under_the_size(monkeypatch):
    monkeypatch.setattr(publish_pocket, "SHARD", 100)
    values = {f"w{i}": torch.arange(n).float() for i, n in enumerate((20, 20, 20, 50, 1, 49, 50))}
    groups = publish_pocket.shards(values)
    assert [list(group) for group in groups] == [["w0", "w1"], ["w2"], ["w3"], ["w4", "w5"], ["w6"]]
    assert all(v.dtype == torch.float16 and torch.equal(v.float(), values[k]) for gr in groups for k, v in gr.items())


def test_a_published_pocket_is_the_averaged_weights_in_fp16(published):
    made, about, out = published
    files = [out / "pocket" / name for name in about["sha256"]]
    assert len(files) > 2 and [f.name for f in files] == [
        f"weights-{i + 1}-of-{len(files)}.safetensors" for i in range(len(files))
    ]
    tensors = {}
    for f in files:
        shard = load_file(f)
        assert 0 < sum(v.nbytes for v in shard.values()) <= 20_000
        tensors |= shard
    assert {k: v.shape for k, v in tensors.items()} == {k: v.shape for k, v in made.ema.shadow.items()}
    assert all(torch.equal(v, made.ema.shadow[k].half()) for k, v in tensors.items())
    loaded = load("pocket", "cpu", out)
    assert all(torch.equal(v, tensors[k].float()) for k, v in loaded.net.state_dict().items())
    assert any(not torch.equal(made.ema.shadow[k], v) for k, v in made.net.state_dict().items())


def test_a_published_card_tells_the_run(published, folder):
    made, about, out = published
    assert card("pocket", out) == json.loads(json.dumps(about))
    assert about["architecture"]["parameters"] == sum(p.numel() for p in made.net.parameters())
    assert about["architecture"]["words"] == made.pictures.vocabulary.words
    assert about["drawings"] == list(EVERYDAY) and about["photos"] == ["goldfish", "beacon", "school bus"]
    assert {"goldfish", "beacon", "lighthouse", "bus"} <= set(about["seen_only_in"]["photo"])
    assert set(about["seen_only_in"]["photo"]).isdisjoint(w for name in EVERYDAY for w in name.split())
    (only,) = about["history"]
    assert (only["steps_done"], only["pictures_seen"], only["seed"]) == (4, 16, 3)
    assert "Apache" in about["data"] and "DeepFloyd" in about["limits"] and about["validation"] == made.validation


def test_a_published_state_shows_what_it_draws(published):
    _, about, out = published
    again = io.BytesIO(webp(np.concatenate(samples(load("pocket", "cpu", out), LEARNED), 1)))
    row, expected = (np.asarray(Image.open(f).convert("RGB")) for f in (out / "pocket" / "after-16.webp", again))
    assert tuple(about["samples"]) == LEARNED and row.shape == (64, 64 * len(LEARNED), 3)
    assert np.abs(row.astype(int) - expected).mean() < 4, "but for the rounding of the weights"


def test_publishing_again_replaces_the_files_and_the_run(published, folder, monkeypatch):
    made, _, out = published
    monkeypatch.setattr(publish_pocket, "SHARD", 10**6)
    for seen in (15, 17):
        (out / "pocket" / f"after-{seen}.webp").touch()  # of other runs
    again = publish_pocket.publish(made.state_file, out, str(folder))
    assert list(again["sha256"]) == ["weights-1-of-1.safetensors"]
    kept = {"card.json", "weights-1-of-1.safetensors", "after-16.webp"}
    assert {f.name for f in (out / "pocket").iterdir()} == kept
    assert len(again["history"]) == 1


def test_a_pocket_learns_on_in_five_styles_where_the_first_ended(published, folder, tmp_path, accelerator):
    _, _, out = published
    second = run(folder, tmp_path / "second", accelerator, steps=1, emoji=FIVE_STYLES, init=str(out / "pocket"))
    second.train()
    about = publish_pocket.publish(second.state_file, out, str(folder))
    assert [r["emoji"] for r in about["history"]] == ["everyday", FIVE_STYLES]
    assert list(about["styles"]) == list(DRAWING_STYLES) and "castle" in about["never_seen"]["glossy"]
    assert load("pocket", "cpu", out).vocabulary.words == about["architecture"]["words"]
    assert f"`{about['command']}`" in (out / "README.md").read_text()


def test_the_history_has_every_run_once_however_often_it_is_published(published, folder, tmp_path, accelerator):
    _, _, out = published
    changes = {"steps": 3, "emoji": "all", "init": str(out / "pocket")}
    second = run(folder, tmp_path / "second", accelerator, **changes)
    second.train(stop_after=1)
    for steps in (1, 3):
        about = publish_pocket.publish(second.state_file, out, str(folder))
        assert [r["steps_done"] for r in about["history"]] == [4, steps]
        assert [r["emoji"] for r in about["history"]] == ["everyday", "all"]
        second = run(folder, tmp_path / "second", accelerator, **changes)  # resumed from its own state
        second.train()
    assert len(about["drawings"]) > len(EVERYDAY)
    assert {f.name for f in (out / "pocket").glob("*.webp")} == {"after-16.webp", "after-28.webp"}
    lines = (out / "README.md").read_text().splitlines()
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in lines if "training.train_pocket" in line]
    assert [row[0] for row in rows] == ["1", "2"] and [row[2] for row in rows] == ["16", "12"]
    assert [f"`{provenance.pocket_command(r)}`" for r in about["history"]] == [row[1] for row in rows]
    assert any(line.startswith("| all |") and " 28 " in line for line in lines)


def test_the_table_that_ships_is_that_of_the_cards_that_ship():
    assert (CHECKPOINTS / "README.md").read_text() == provenance.text()
    about = card("pocket")
    assert about["command"] == provenance.pocket_command(about["history"][-1])


def test_minutes_stand_beside_the_budget_of_a_run_that_was_stopped():
    runs = [{"seconds": 1444, "minutes": m} for m in (125.0, 24.0, 0.0)]
    assert [provenance.minutes(r) for r in runs] == ["24 of 125", "24", "24"]


def test_the_provenance_table_has_a_row_for_pocket(published):
    _, about, out = published
    text = (out / "README.md").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith("| `pocket`")]
    cells = [c.strip() for c in row.strip("|").split("|")]
    assert len(cells) == len(provenance.COLUMNS)
    assert cells[2] == f"{about['architecture']['parameters']:,}" and cells[3] == f"`{about['command']}`"
    assert about["hardware"] in cells and "Noto Emoji" in text and "Tiny ImageNet" in text


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"steps": 0, "minutes": 12.5},
        {"photo_share": 0.0, "batch": 3, "lr": 1e-5, "ema": 0.9995},
        {"emoji": "all", "init": "my folder/pocket", "depth": 2, "middle": 5},
        {"processes": 4, "optimiser": "adamw"},
    ],
    ids=str,
)
@pytest.mark.parametrize("precision", ["bf16", "no"])
@pytest.mark.parametrize("device", ["CPU (x86_64)", "NVIDIA H200"])
def test_the_command_line_on_the_card_makes_the_same_run(changes, precision, device):
    recipe = Recipe(**{"widths": (8, 16, 24), "steps": 10} | changes)
    facts = {"seed": 7, "precision": f"{precision} autocast", "device": device}
    words = shlex.split(provenance.pocket_command(dataclasses.asdict(recipe) | facts))
    start = words.index("training.train_pocket")
    assert words[:start] == (["torchrun", "--nproc_per_node", "4", "-m"] if recipe.processes > 1 else ["python", "-m"])
    args = train_pocket.parse(words[start + 1 :])
    assert (args.seed, args.fp32, tuple(args.widths)) == (7, precision == "no", recipe.widths)
    assert args.cpu == (device != "NVIDIA H200")
    told = vars(args).keys() & dataclasses.asdict(recipe).keys() - {"widths"}
    assert len(told) == 12
    for name in told:
        assert getattr(args, name) == getattr(recipe, name), name


@pytest.mark.parametrize("wrong", [[], ["--steps", "3", "--minutes", "1"], ["--steps", "3", "--emoji", "some"]])
def test_a_wrong_command_line_is_refused(wrong, capsys):
    with pytest.raises(SystemExit):
        train_pocket.parse(wrong)
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "budget", ["--steps 0", "--steps -3", "--minutes 0", "--minutes -1", "--minutes nan", "--minutes inf"]
)
def test_a_budget_of_nothing_is_refused(budget, capsys):
    with pytest.raises(SystemExit):
        train_pocket.main(budget.split())
    assert capsys.readouterr().err.endswith(
        "error: The budget, --steps or --minutes, must be a finite number above 0.\n"
    )


def test_the_command_trains_and_refuses_the_state_of_another_run(folder, tmp_path):
    words = ["--steps", "2", "--widths", "8", "16", "16", "--batch", "2", "--cpu", "--fp32", "--data"]
    train_pocket.main([*words, str(folder), "--work", str(tmp_path), "--seed", "3"])
    _, facts = load_state(tmp_path / "state.safetensors")
    assert facts["step"] == 2 and facts["recipe"]["widths"] == [8, 16, 16] and facts["seed"] == 3
    with pytest.raises(SystemExit, match=r"^\S+ belongs to another recipe or seed; move it away or pass --work\.$"):
        train_pocket.main([*words, str(folder), "--work", str(tmp_path), "--seed", "4"])


@pytest.mark.parametrize(
    "main, words",
    [(train_pocket.main, "--steps 2 --cpu --fp32"), (train_photo_classifier.main, "--device cpu")],
    ids=["pocket", "judge"],
)
def test_training_without_photos_is_one_sentence(main, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where .training would be
    with pytest.raises(SystemExit, match=r"^photos64 was not found under .*--data or the variable DIFFUSION_DATA\.$"):
        main([*words.split(), "--data", str(tmp_path)])


# ---- the judge of photos ----


def test_the_photo_classifier_learns(folder):
    tiles, _ = photos(folder)
    images, labels = tiles[:, :64].reshape(-1, 64, 64, 3), torch.arange(3).repeat_interleave(64)
    args = train_photo_classifier.parse(["--epochs", "12", "--batch", "16", "--lr", "0.05", "--device", "cpu"])
    torch.manual_seed(0)
    net = PhotoClassifier(3, 8)
    curve = train_photo_classifier.train(net, images, labels, args)
    steps, losses = zip(*curve, strict=True)  # of single batches' means, which go up and down
    assert steps == (50, 100) and max(losses) < 0.7 * math.log(3)
    features, logits = train_photo_classifier.judge(net.eval(), tiles[:, -HELD_OUT:].reshape(-1, 64, 64, 3), "cpu")
    assert features.shape == (30, 64) and logits.shape == (30, 3)
    right = logits.argmax(1) == torch.arange(3).repeat_interleave(HELD_OUT)
    assert right.float().mean() > 0.8


@torch.no_grad()
@pytest.mark.parametrize("device", ["cpu", *(["cuda"] if torch.cuda.is_available() else [])])
def test_the_judge_answers_on_the_cpu_and_stays_where_it_is(device):
    net = lively(PhotoClassifier(3, 8)).to(device)
    pixels = torch.randint(256, (5, 64, 64, 3), generator=g(), dtype=torch.uint8)
    found = train_photo_classifier.judge(net, pixels, device)
    assert {p.device.type for p in net.parameters()} == {device}
    features = net.features(unit(pixels).to(device))
    for mine, theirs in zip(found, (features, net.head(features)), strict=True):
        torch.testing.assert_close(mine, theirs.cpu())


def test_the_judge_trains_where_it_is_told(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert train_photo_classifier.parse(["--device", "cpu"]).device == CPU
    for device, sentence in (("foo", "invalid choice: 'foo'"), ("cuda", "This machine has no usable CUDA device")):
        with pytest.raises(SystemExit):
            train_photo_classifier.main(["--device", device])
        assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("wanted", [torch.channels_last, torch.contiguous_format], ids=str)
def test_the_judge_trains_on_photos_that_lie_as_its_device_wants(wanted, monkeypatch):
    monkeypatch.setattr(train_photo_classifier, "layout", lambda device: wanted)
    net, seen = PhotoClassifier(3, 8), []
    net.register_forward_pre_hook(lambda module, args: seen.append(args[0].is_contiguous(memory_format=wanted)))
    pixels = torch.randint(256, (8, 64, 64, 3), generator=g(), dtype=torch.uint8)
    args = train_photo_classifier.parse(["--epochs", "2", "--batch", "4", "--device", "cpu"])
    train_photo_classifier.train(net, pixels, torch.arange(8) % 3, args)
    assert seen == [True] * 4


# ---- the benchmark ----


@pytest.mark.parametrize(
    "missing, left",
    [
        ("photos64", ["speed", "styles", "never-seen", "spread"]),
        ("drawings256", ["denoising", "when-to-guide", "speed", "kinds"]),
    ],
)
def test_the_benchmark_skips_what_needs_data_that_are_not_here(missing, left, folder, tmp_path, monkeypatch, capsys):
    tasks, done = list(pocket_quality.TASKS), []
    for name in ("photos64", "drawings256"):
        (tmp_path / name).mkdir()
        for file in (folder / name).glob("*.tsv" if name != missing else "no file"):
            shutil.copy(file, tmp_path / name)
    monkeypatch.setenv("DIFFUSION_DATA", str(tmp_path))
    monkeypatch.setattr(pocket_quality, "Bench", lambda args: SimpleNamespace(drawn=[]))
    for name in tasks:
        monkeypatch.setitem(pocket_quality.TASKS, name, lambda bench, name=name: done.append(name))
    pocket_quality.main(["--only", *tasks])
    said = capsys.readouterr().out.splitlines()
    assert done == left and said == [
        f"Skipped {name}: it needs the data sets; set DIFFUSION_DATA." for name in tasks if name not in left
    ]


@pytest.mark.parametrize("platform, unit_of_memory", [("linux", 2**20), ("darwin", 2**30)])
def test_the_memory_is_told_in_gigabytes_on_every_system(platform, unit_of_memory, monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr("resource.getrusage", lambda who: SimpleNamespace(ru_maxrss=3 * unit_of_memory))
    monkeypatch.setattr("core.models.registry.load", lambda name, device: None)
    monkeypatch.setattr("core.runs.sampling.draw", lambda *args: [])
    exec(pocket_quality.LOADING.format(device="cpu", guidance=3, steps=2), {})
    assert float(capsys.readouterr().out.split()[2]) == 3
