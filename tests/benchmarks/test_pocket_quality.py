"""Pocket's benchmark on a tiny random pocket and data sets of a few pictures; every figure computed a second time."""

import contextlib
import io
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from toys import EVERYDAY, data, lively, tiny_pocket

from benchmarks import pocket_judges, pocket_quality
from benchmarks.pocket_judges import right_drawings
from benchmarks.pocket_quality import GUIDANCES, LEVELS, WELL_KNOWN
from core.checks import ModelError
from core.datasets.pictures import HELD_OUT, emoji, photo_names, photos
from core.diffusion.noise import generator
from core.models import registry
from core.models.photo_classifier import PhotoClassifier
from core.models.scores import Statistics
from core.pictures.images import to_uint8
from core.runs.sampling import draw
from core.techniques.filters import SIGMAS, blur

pytestmark = pytest.mark.slow

SEED = 11
FEW = [
    *["--device", "cpu", "--drawings", "3", "--samples", "9", "--held-out", "4", "--batch", "4", "--seed"],
    str(SEED),
]
REAL = os.environ.get("DIFFUSION_DATA")
PHOTOS = ["goldfish", "beacon", "school bus"]


@pytest.fixture(scope="module")
def pocket():
    return tiny_pocket()


@pytest.fixture(scope="module")
def judge():
    return lively(PhotoClassifier(7, 8))


@pytest.fixture(scope="module", autouse=True)
def small(pocket, judge, tmp_path_factory):
    """Random networks and small data in the place of the shipped ones; 2 steps for 30."""
    folder = tmp_path_factory.mktemp("benchmark")
    data(folder / "data")
    (folder / "checkpoints" / "pocket").mkdir(parents=True)
    (folder / "checkpoints" / "photo-classifier").mkdir()
    train = Statistics.of(judge.features(torch.rand(200, 3, 64, 64, generator=generator(0)) * 2 - 1))
    save_file(
        {"mean": train.mean.float(), "covariance": train.covariance.float().contiguous()},
        folder / "checkpoints" / "photo-classifier" / "features.safetensors",
    )
    about = {"name": "pocket", "drawings": list(EVERYDAY), "photos": PHOTOS, "metrics": {"kept": 1}}
    (folder / "checkpoints" / "pocket" / "card.json").write_text(json.dumps(about))
    models = {"pocket": pocket, "photo-classifier": judge}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIFFUSION_DATA", str(folder / "data"))
        patch.setattr(pocket_quality, "STEPS", 2)
        patch.setattr(pocket_quality, "card", lambda name: about)
        patch.setattr(pocket_judges, "weights", lambda name: {})
        for module in (pocket_quality, pocket_judges):
            patch.setattr(module, "load", lambda name, device: models[name])
            patch.setattr(module, "CHECKPOINTS", folder / "checkpoints")
        yield folder


@pytest.fixture(scope="module")
def measured(small):
    """The whole benchmark but its speed: what it wrote on the card, and the samples that it kept."""
    tasks = ["drawings", "denoising", "photos", "when-to-guide", "well-known"]
    pocket_quality.main([*FEW, "--only", *tasks, "--save", str(small / "s.npz"), "--save-card"])
    found = json.loads((small / "checkpoints" / "pocket" / "card.json").read_text())
    with np.load(small / "s.npz") as saved:
        return found["metrics"], saved["images"], saved["prompts"].tolist()


def test_the_card_keeps_the_numbers_beside_older_ones(measured):
    metrics, _, _ = measured
    assert set(metrics) == {"kept", "drawings", "denoising", "photos", "when-to-guide", "well-known", "date", "steps"}
    assert metrics["kept"] == 1 and metrics["steps"] == 2


def test_the_samples_are_kept_with_their_prompts(measured, pocket):
    _, images, prompts = measured
    assert images.shape == (3 + 9 + 2 * len(WELL_KNOWN), 64, 64, 3) and images.dtype == np.uint8
    assert len(prompts) == len(images)
    assert sorted(prompts[:3]) == ["an emoji of a penguin", "an emoji of a rocket", "an emoji of a rose"]
    assert prompts[3:12] == ["a photo of a goldfish", "a photo of a beacon", "a photo of a school bus"] * 3
    assert prompts[12:14] == ["a photo of a goldfish"] * 2
    for first, k in ((0, 2), (3, 6)):  # picture k of a task follows from seed + k, whatever the batches
        *_, last = draw(pocket, [prompts[first + k]], 3.0, 2, SEED + k)
        assert np.abs(images[first + k].astype(int) - to_uint8(last.x_t, -1, 1)[0]).max() <= 1


def nearest(picture: np.ndarray, tiles: np.ndarray) -> int:
    """The tile whose means over 4x4 pixels are nearest."""
    means = lambda x: x.astype(float).reshape(16, 4, 16, 4, 3).mean((1, 3))  # noqa: E731
    return int(np.argmin([((means(picture) - means(tile)) ** 2).sum() for tile in tiles]))


def test_drawings_are_judged_by_their_nearest_neighbour(measured):
    metrics, images, prompts = measured
    tiles, subjects = emoji("all")
    found = metrics["drawings"]
    asked = [p.removeprefix("an emoji of a ") for p in prompts[:3]]
    missed = [n for n, x in zip(asked, images, strict=False) if subjects[nearest(x, tiles.numpy())].names[0] != n]
    assert found["missed"] == missed and found["names"] == 3
    assert found["right"] == found["by_guidance"]["3"] == round(1 - len(missed) / 3, 4)
    assert set(found["by_guidance"]) == {f"{g:g}" for g in GUIDANCES}


def test_a_drawing_is_right_if_its_neighbour_shares_a_name(small, monkeypatch):
    tiles, subjects = emoji("all")
    names = [s.names[0] for s in subjects]
    assert right_drawings(tiles.numpy(), names) == [True] * len(names)
    noisy = np.clip(tiles.numpy().astype(int) + np.random.default_rng(0).integers(-40, 41, tiles.shape), 0, 255)
    assert all(right_drawings(noisy.astype(np.uint8), names))
    assert right_drawings(tiles[[0, 1, 2]].numpy(), [names[0], names[5], names[2]]) == [True, False, True]
    twins = [type(s)((*s.names, "twin"), False) if i < 2 else s for i, s in enumerate(subjects)]
    monkeypatch.setattr(pocket_judges, "emoji", lambda which: (tiles, twins))
    assert right_drawings(tiles[[0, 1, 2]].numpy(), [names[1], names[0], names[0]]) == [True, True, False]


def test_the_real_drawings_are_right_about_themselves(monkeypatch):
    if not REAL or not (Path(REAL) / "emoji64").exists():
        pytest.skip("DIFFUSION_DATA names no folder with emoji64")
    monkeypatch.setenv("DIFFUSION_DATA", REAL)
    tiles, subjects = emoji("everyday")
    names = [s.names[0] for s in subjects]
    assert all(right_drawings(tiles.numpy(), names))
    assert sum(right_drawings(np.roll(tiles.numpy(), 1, axis=0), names)) < 0.05 * len(names)


def check_denoising(found: dict, pixels: np.ndarray, pocket) -> None:
    """PSNR of the one-step estimate and of the best blur, one picture at a time."""
    clean = torch.from_numpy(pixels).permute(0, 3, 1, 2).double() / 127.5 - 1
    for level in LEVELS:
        g, ours, best, scaled = generator(SEED + level), [], [], []
        a2 = pocket.schedule.alpha_bar[level]
        noise = torch.cat([torch.randn(x.shape, generator=g) for x in clean.split(4)])
        for x, eps in zip(clean, noise, strict=True):
            x_t = (a2.sqrt() * x + (1 - a2).sqrt() * eps)[None].float()
            v = pocket.net(x_t, torch.tensor([level]), pocket.encode(["a high quality photo"])).double()
            guess = (a2.sqrt() * x_t - (1 - a2).sqrt() * v).clamp(-1, 1)
            ours.append(10 * np.log10(4 / ((guess - x) ** 2).mean().item()))
            for noisy, found_best in ((x_t, best), ((x_t / a2.sqrt()).float(), scaled)):
                tries = [blur(y, s).clamp(-1, 1) for s in SIGMAS for y in (noisy, noisy.clamp(-1, 1))]
                found_best.append(10 * np.log10(4 / min(((y - x) ** 2).mean().item() for y in tries)))
        row = found[str(level)]
        assert row["one_step"] == pytest.approx(np.mean(ours), abs=0.02)
        for name, expected in (("blur", best), ("scaled_blur", scaled)):
            assert row[name] == pytest.approx(np.mean(expected), abs=0.02)
            assert row[f"over_{name}"] == pytest.approx(row["one_step"] - row[name], abs=0.02)


def test_denoising_is_measured_on_held_out_photos(measured, pocket):
    found = measured[0]["denoising"]
    tiles, _ = photos()
    held_out = tiles[:, -HELD_OUT:].reshape(-1, 64, 64, 3)
    assert found["photos"] == 4 and found["source"] == "held out"
    check_denoising(found, held_out[::7][:4].numpy(), pocket)


def test_denoising_takes_photos_of_ones_own_and_needs_no_data(tmp_path, pocket, small, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)
    np.savez(tmp_path / "own.npz", images=pixels)
    monkeypatch.setenv("DIFFUSION_DATA", "no/such/folder")
    pocket_quality.main([*FEW, "--only", "denoising", "--photos", str(tmp_path / "own.npz"), "--save-card"])
    found = json.loads((small / "checkpoints" / "pocket" / "card.json").read_text())["metrics"]["denoising"]
    assert found["photos"] == 4 and found["source"] == "own.npz"
    check_denoising(found, pixels[:4], pocket)


def test_photos_are_judged_by_the_classifier(measured, judge, small):
    metrics, images, _ = measured
    found = metrics["photos"]
    rows = [judge.features(torch.from_numpy(x).permute(2, 0, 1)[None] / 127.5 - 1) for x in images[3:12]]
    features = torch.cat(rows).double().numpy()
    order = judge.head(torch.cat(rows)).argsort(1, descending=True).numpy()
    place = [row.tolist().index(k % 3) for k, row in enumerate(order)]
    assert found["class_by_guidance"]["3"] == {
        "top_1": pytest.approx(np.mean([p < 1 for p in place]), abs=1e-4),
        "top_5": pytest.approx(np.mean([p < 5 for p in place]), abs=1e-4),
        "n": 9,
    }
    assert found["class_by_guidance"]["7"]["n"] == 3
    train = judge.features(torch.rand(200, 3, 64, 64, generator=generator(0)) * 2 - 1).double().numpy()
    covariances = np.cov(features, rowvar=False), np.cov(train, rowvar=False)
    roots = np.sqrt(np.linalg.eigvals(covariances[0] @ covariances[1]).astype(complex)).real.sum()
    expected = ((features.mean(0) - train.mean(0)) ** 2).sum() + sum(c.trace() for c in covariances) - 2 * roots
    assert found["frechet"] == pytest.approx(expected, rel=1e-2, abs=0.02)
    assert {"frechet_floor", "frechet_noise"} <= set(found)


def test_the_distances_are_of_what_was_drawn_of_held_out_photos_and_of_noise(monkeypatch):
    monkeypatch.setattr(pocket_judges, "judged", lambda pixels: (pixels, None))
    monkeypatch.setattr(pocket_judges, "to_training", lambda features, train: features)
    drawn = torch.zeros(9, 64)
    found = pocket_judges.distances(drawn, len(PHOTOS), None)
    assert set(found) == {"frechet", "frechet_floor", "frechet_noise"} and found["frechet"] is drawn
    (tiles, _), floor, noise = photos(), found["frechet_floor"], found["frechet_noise"]
    places = [
        divmod(int(np.abs(tiles.numpy()[:, :, 32, 32].astype(int) - x[32, 32]).sum(2).argmin()), tiles.shape[1])
        for x in floor
    ]
    assert len(set(places)) == 9 and {kind for kind, _ in places} == {0, 1, 2}
    assert all(i >= tiles.shape[1] - HELD_OUT for _, i in places)
    assert noise.shape == floor.shape == (9, 64, 64, 3) and noise.dtype == np.uint8
    shares = np.bincount(noise.ravel(), minlength=256) / noise.size
    assert shares == pytest.approx(np.full(256, 1 / 256), rel=0.25)


def test_guidance_is_measured_in_parts_of_the_run(measured, pocket, judge):
    """In two steps, at t = 999 and 499: the late third has none, so leaving it out changes nothing."""
    found, rows = measured[0]["when-to-guide"], []
    assert found["guidance"] == 7 and {k: v["asked"] for k, v in found.items() if k != "guidance"} == {
        "throughout": 4, "early": 3, "middle": 3, "late": 2, "not late": 4,
    }  # fmt: skip
    assert found["throughout"] == found["not late"] != found["early"]
    bench = pocket_quality.Bench(pocket_quality.parse(FEW))
    prompts = [f"a photo of a {name}" for name in PHOTOS]
    late = bench.samples(prompts, 7.0, (333, 0))
    np.testing.assert_array_equal(late, bench.samples(prompts, 1.0))
    assert np.abs(late.astype(int) - bench.samples(prompts, 7.0)).max() > 1
    hook = pocket.net.register_forward_hook(lambda net, args, out: rows.append(len(args[0])))
    bench.samples(prompts, 7.0, (999, 667))
    hook.remove()
    assert sum(rows) == 3 * found["early"]["asked"]


@pytest.mark.parametrize("off, right", [(0, 1.0), (1, 0.0)])
def test_a_photo_is_right_if_its_own_kind_is_named(off, right, monkeypatch):
    def judged(pixels):
        """A judge who says that photo k is of kind k + off, in turn."""
        logits = torch.eye(7)[(torch.arange(len(pixels)) + off) % len(PHOTOS)]
        return torch.randn(len(pixels), 64, generator=generator(0)), logits

    monkeypatch.setattr(pocket_quality, "judged", judged)
    found = pocket_quality.frechet(pocket_quality.Bench(pocket_quality.parse(FEW)))["class_by_guidance"]
    assert {key: row["top_1"] for key, row in found.items()} == {"3": right, "1": right, "7": right}


def test_well_known_kinds_are_kinds_of_photo():
    """Each is a kind by its everyday name; none is asked for twice."""
    real = registry.card("pocket")["photos"] if registry.availability("pocket")[0] else pytest.skip("no pocket here")
    assert set(WELL_KNOWN) <= set(real) and len(set(WELL_KNOWN)) == 20
    assert photo_names("tabby, tabby cat")[0] in WELL_KNOWN


def test_speed_is_measured_in_a_process_of_its_own(pocket, monkeypatch, small, capsys):
    """Here the process is this one."""

    def run(command, **options):
        code, said = command[2], io.StringIO()
        assert command[1] == "-c" and options["check"]
        with contextlib.redirect_stdout(said):
            exec(code, {})
        return subprocess.CompletedProcess(command, 0, said.getvalue())

    rows = []
    hook = pocket.net.register_forward_hook(lambda net, args, out: rows.append(len(args[0])))
    monkeypatch.setattr(registry, "load", lambda name, device: pocket)
    monkeypatch.setattr(subprocess, "run", run)
    pocket_quality.main([*FEW, "--only", "speed", "--save-card"])
    hook.remove()
    assert rows == [2] * 4, "two guided steps to warm up, then STEPS of them"
    found = json.loads((small / "checkpoints" / "pocket" / "card.json").read_text())["metrics"]["speed"]
    assert set(found) == {"load_seconds", "picture_seconds", "memory_gb", "threads"}
    assert 0 <= found["picture_seconds"] < 20 and 0.05 < found["memory_gb"] < 50
    assert "one picture of 2 guided steps" in capsys.readouterr().out


def test_tasks_without_data_are_skipped_in_one_sentence(monkeypatch, capsys):
    monkeypatch.setenv("DIFFUSION_DATA", "no/such/folder")
    pocket_quality.main([*FEW, "--only", "drawings", "photos", "denoising"])
    assert capsys.readouterr().out.splitlines() == [
        f"Skipped {name}: it needs the data sets; set DIFFUSION_DATA." for name in ("drawings", "photos", "denoising")
    ]


def test_a_pocket_that_is_not_here_is_one_sentence(monkeypatch):
    def missing(name, device):
        raise ModelError("The model pocket is not here.")

    monkeypatch.setattr(pocket_quality, "load", missing)
    with pytest.raises(SystemExit, match=r"^The model pocket is not here\.$"):
        pocket_quality.main([*FEW, "--only", "speed"])


def wrong_files(folder) -> dict[str, str]:
    """Files that hold no photos, by what is wrong with them."""
    right = np.zeros((2, 64, 64, 3), np.uint8)
    np.savez(folder / "float.npz", images=right.astype(np.float32))
    np.savez(folder / "small.npz", images=right[:, :32, :32])
    np.savez(folder / "one.npz", images=right[0])
    np.savez(folder / "none.npz", images=right[:0])
    np.savez(folder / "empty.npz")
    np.savez(folder / "pickle.npz", images=np.array([{}], dtype=object))
    np.save(folder / "array.npy", right)
    (folder / "text.npz").write_text("these are no photos")
    (folder / "nothing.npz").write_bytes(b"")
    (folder / "cut.npz").write_bytes((folder / "float.npz").read_bytes()[:200])
    return {f.name: str(f) for f in folder.iterdir()}


def test_wrong_photos_are_refused_in_one_sentence(tmp_path, capsys):
    files = wrong_files(tmp_path)
    assert len(files) == 10
    for file in files.values():
        with pytest.raises(SystemExit):
            pocket_quality.main([*FEW, "--photos", file])
        assert (
            capsys.readouterr()
            .err.splitlines()[-1]
            .endswith(f"error: {file} is not an .npz of uint8 photos, N x 64 x 64 x 3.")
        )


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        (["--photos", "nowhere.npz"], "There is no file nowhere.npz."),
        (["--save", "nowhere/s.npz"], "There is no folder nowhere."),
        (["--only", "beauty"], "invalid choice: 'beauty'"),
    ],
)
def test_what_cannot_be_done_is_refused(wrong, sentence, capsys):
    with pytest.raises(SystemExit):
        pocket_quality.main([*FEW, *wrong])
    assert sentence in capsys.readouterr().err
