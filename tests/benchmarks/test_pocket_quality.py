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
from toys import EVERYDAY, data, lively, tiny_pocket

from benchmarks import pocket_judges, pocket_kinds, pocket_quality, pocket_styles
from benchmarks.pocket_judges import right_drawings
from benchmarks.pocket_quality import LEVELS
from core.checks import ModelError
from core.datasets.five_styles import things, tiles
from core.datasets.pictures import HELD_OUT, WELL_KNOWN, emoji, photo_names, photos
from core.diffusion.noise import generator
from core.models import registry
from core.models.photo_classifier import PhotoClassifier
from core.pictures.images import to_uint8
from core.runs.prompts import default_guidance
from core.runs.sampling import draw
from core.techniques.filters import SIGMAS, blur

pytestmark = pytest.mark.slow

SEED = 11
FEW = [
    *["--device", "cpu", "--drawings", "4", "--samples", "9", "--per-kind", "3", "--held-out", "4", "--batch", "4"],
    *["--seed", str(SEED)],
]
REAL = os.environ.get("DIFFUSION_DATA")
PHOTOS = ["school bus", "goldfish"]
"""The kinds on the card: fewer than the data have, and in another order."""
CLASSES = [2, 0]
"""Their places in the data."""
ASKED = [f"a photo of a {PHOTOS[k % 2]}" for k in range(9)]
"""What when-to-guide draws."""


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
    about = {"name": "pocket", "drawings": [*EVERYDAY, "castle"], "photos": PHOTOS, "metrics": {"kept": 1}}
    (folder / "checkpoints" / "pocket" / "card.json").write_text(json.dumps(about))
    models = {"pocket": pocket, "photo-classifier": judge}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIFFUSION_DATA", str(folder / "data"))
        patch.setattr(pocket_quality, "STEPS", 2)
        patch.setattr(pocket_quality, "card", lambda name: about)
        for module in (pocket_quality, pocket_judges):
            patch.setattr(module, "load", lambda name, device: models[name])
        patch.setattr(pocket_quality, "CHECKPOINTS", folder / "checkpoints")
        forget()
        yield folder
    forget()


def forget() -> None:
    """Leave nothing of one folder of data to the next."""
    for read in (pocket_kinds.tiles_of, pocket_kinds.trained_on, pocket_styles.real, pocket_styles.judge_of_styles):
        read.cache_clear()


@pytest.fixture(scope="module")
def measured(small):
    """The whole benchmark but its speed: what it wrote on the card, and the samples that it kept."""
    tasks = ["denoising", "when-to-guide", "styles", "never-seen", "spread", "kinds"]
    pocket_quality.main([*FEW, "--only", *tasks, "--save", str(small / "s.npz"), "--save-card"])
    found = json.loads((small / "checkpoints" / "pocket" / "card.json").read_text())
    with np.load(small / "s.npz") as saved:
        return found["metrics"], saved["images"], saved["prompts"].tolist()


def test_the_card_keeps_the_numbers_beside_older_ones(measured):
    metrics, _, _ = measured
    tasks = {"denoising", "when-to-guide", "styles", "never-seen", "spread", "kinds"}
    assert set(metrics) == {"kept", "date", "steps"} | tasks
    assert metrics["kept"] == 1 and metrics["steps"] == 2


def test_the_samples_are_kept_with_their_prompts(measured, pocket):
    metrics, images, prompts = measured
    drawn, pairs, best = 4, metrics["never-seen"]["n"], metrics["kinds"]["guidance"]
    assert images.shape == (drawn + pairs + 6, 64, 64, 3) and images.dtype == np.uint8
    assert len(prompts) == len(images) and pairs > 0
    assert sorted(prompts[:drawn]) == [f"an emoji of a {name}" for name in ("castle", "penguin", "rocket", "rose")]
    assert prompts[-6:] == ["a photo of a school bus"] * 3 + ["a photo of a goldfish"] * 3
    first, usual = drawn + pairs, default_guidance("pocket")
    for k, scale, seed in ((2, usual, SEED + 2), (first + 5, best, SEED + pocket_kinds.APART + 5)):
        *_, last = draw(pocket, [prompts[k]], scale, 2, seed)  # picture k of a task has its seed, whatever the batches
        assert np.abs(images[k].astype(int) - to_uint8(last.x_t, -1, 1)[0]).max() <= 1


def nearest(picture: np.ndarray, drawings: np.ndarray) -> int:
    """The drawing whose means over 2x2 pixels are nearest."""
    means = lambda x: x.astype(float).reshape(32, 2, 32, 2, 3).mean((1, 3))  # noqa: E731
    return int(np.argmin([((means(picture) - means(drawing)) ** 2).sum() for drawing in drawings]))


def test_drawings_are_judged_by_their_nearest_neighbour(measured):
    metrics, images, prompts = measured
    found, every = metrics["styles"]["emoji"], [t for t in things() if t.drawn("emoji")]
    drawings = tiles("emoji")[[t.place for t in every]]
    asked = [p.removeprefix("an emoji of a ") for p in prompts[:4]]
    missed = [n for n, x in zip(asked, images, strict=False) if every[nearest(x, drawings)].name != n]
    assert found["missed"] == missed and found["n"] == 4 and found["right"] == round(1 - len(missed) / 4, 4)


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


def frechet(features: np.ndarray, train: np.ndarray) -> float:
    """The Frechet distance of features (N, F) to others (M, F), by the eigenvalues of a product that is not symmetric."""
    covariances = np.cov(features, rowvar=False), np.cov(train, rowvar=False)
    roots = np.sqrt(np.linalg.eigvals(covariances[0] @ covariances[1]).astype(complex)).real.sum()
    means = features.mean(0) - train.mean(0)
    return (means**2).sum() + sum(c.trace() for c in covariances) - 2 * roots


def accuracy(logits: torch.Tensor, asked: list[int]) -> dict:
    """How often the class is the first and among the first five, by the whole order of each photo's logits."""
    place = [row.index(k) for row, k in zip(logits.argsort(1, descending=True).tolist(), asked, strict=True)]
    top_1, top_5 = (pytest.approx(np.mean([p < n for p in place]), abs=1e-4) for n in (1, 5))
    return {"top_1": top_1, "top_5": top_5, "n": len(place)}


def features_of(judge, images: np.ndarray) -> torch.Tensor:
    """The classifier's features (N, F), one photo at a time."""
    return torch.cat([judge.features(torch.from_numpy(x).permute(2, 0, 1)[None] / 127.5 - 1) for x in images])


def test_photos_are_judged_by_the_classifier(measured, judge):
    found = measured[0]["when-to-guide"]["throughout"]
    bench = pocket_quality.Bench(pocket_quality.parse(FEW))
    features = features_of(judge, bench.samples(ASKED, 7.0))
    expected = accuracy(judge.head(features), [CLASSES[k % 2] for k in range(9)])
    assert {key: found[key] for key in expected} == expected
    train = judge.features(torch.rand(200, 3, 64, 64, generator=generator(0)) * 2 - 1).double().numpy()
    assert found["frechet"] == pytest.approx(frechet(features.double().numpy(), train), rel=1e-2, abs=0.02)


def test_kinds_are_judged_by_the_classifier_among_photos_of_the_same_kinds(measured, judge):
    metrics, images, _ = measured
    found, features = metrics["kinds"], features_of(judge, images[-6:])
    expected = accuracy(judge.head(features), [2, 2, 2, 0, 0, 0])
    assert {key: found[key] for key in expected} == expected
    mine = photos()[0][CLASSES]
    train, real = (
        features_of(judge, x.reshape(-1, 64, 64, 3).numpy()) for x in (mine[:, :-HELD_OUT], mine[:, -HELD_OUT:][:, :3])
    )
    train = train.double().numpy()
    for name, some in (("frechet", features), ("frechet_floor", real)):
        assert found[name] == pytest.approx(frechet(some.double().numpy(), train), rel=1e-2, abs=0.02)


@pytest.mark.parametrize("off, right", [(0, 1.0), (1, 0.0)])
def test_a_photo_is_right_if_its_own_kind_is_named(off, right, monkeypatch):
    """The card has its kinds in another order than the classifier."""

    def judged(pixels):
        """A judge who says that photo k is of the kind after `off` more than the one asked for, in the data's order."""
        logits = torch.eye(7)[[(CLASSES[k % 2] + off) % 3 for k in range(len(pixels))]]
        return torch.randn(len(pixels), 64, generator=generator(0)), logits

    monkeypatch.setattr(pocket_quality, "judged", judged)
    found = pocket_quality.when_to_guide(pocket_quality.Bench(pocket_quality.parse(FEW)))
    assert {row["top_1"] for name, row in found.items() if name != "guidance"} == {right}


def test_classes_are_places_in_the_data_whatever_the_card_says(small):
    assert pocket_judges.classes(["beacon", "goldfish", "school bus", "beacon"]).tolist() == [1, 0, 2, 1]
    prompts, asked = pocket_kinds.of_all_kinds(PHOTOS, 9)
    assert prompts == ASKED and asked.tolist() == [2, 0, 2, 0, 2, 0, 2, 0, 2]
    with pytest.raises(KeyError):
        pocket_judges.classes(["no such kind"])


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
    assert sum(rows) == len(prompts) * found["early"]["asked"]


def test_well_known_kinds_are_kinds_of_photo():
    """Each is a kind by its everyday name; none is there twice."""
    real = registry.card("photo-classifier")["photos"]
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
    pocket_quality.main([*FEW, "--only", *(tasks := [name for name in pocket_quality.TASKS if name != "speed"])])
    assert capsys.readouterr().out.splitlines() == [
        f"Skipped {name}: it needs the data sets; set DIFFUSION_DATA." for name in tasks
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
        (["--only", "drawings"], "invalid choice: 'drawings'"),
    ],
)
def test_what_cannot_be_done_is_refused(wrong, sentence, capsys):
    with pytest.raises(SystemExit):
        pocket_quality.main([*FEW, *wrong])
    assert sentence in capsys.readouterr().err
