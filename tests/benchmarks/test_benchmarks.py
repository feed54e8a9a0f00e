"""The scoreboard's figures against direct computations, with tiny random models in a folder of their own."""

import hashlib
import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from benchmarks import judging, mnist_quality, scoreboard
from benchmarks.judging import Judge
from benchmarks.scoreboard import Case, plan, put, targets
from core.diffusion.sampler_table import generate
from core.models.mnist import CLASSES
from core.models.mnist_unet import UNet
from core.models.registry import card, load
from core.models.scores import Statistics, frechet_distance, judge, reference
from core.pictures.images import to_uint8
from core.runs.guided_digits import default_guidance

pytestmark = pytest.mark.slow

KEYS = ("group", "model", "sampler", "steps", "guidance", "start")
FIELDS = {*KEYS, "digits", "accuracy", "frechet", "seconds", "precision"}
FEW = ["--device", "cpu", "--digits", "20", "--sweep-digits", "10"]


def random_checkpoint(folder, name: str, objective: str, classes: int) -> None:
    """A checkpoint that `core.models.registry` accepts, with random weights."""
    out = folder / name
    out.mkdir()
    net = UNet(4, time=True, classes=classes)
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, out / "weights.safetensors")
    checksum = hashlib.sha256((out / "weights.safetensors").read_bytes()).hexdigest()
    about = {"objective": objective, "hidden": 4, "time": True, "classes": classes}
    about = {"name": name, "architecture": about, "sha256": {"weights.safetensors": checksum}}
    (out / "card.json").write_text(json.dumps(about))


@pytest.fixture(scope="module", autouse=True)
def short():
    """The tables of the benchmark with fewer and shorter rows, and no data set at hand."""
    defaults = {(m, s, min(n, 24)): least for (m, s, n), least in scoreboard.DEFAULTS.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoreboard, "DEFAULTS", defaults)
        patch.setattr(scoreboard, "STEPS", dict.fromkeys(scoreboard.STEPS, (2, 5)))
        patch.setattr(scoreboard, "SCALES", (0.0, 1.0, 3.0))
        times = {("flow-class", "euler", 20): (2, 3.0), ("ddpm-class", "ddpm", 24): (1, 40.0)}
        patch.setattr(judging, "SPEED", times)
        patch.setattr(mnist_quality, "SPEED", times)
        patch.setenv("DIFFUSION_DATA", "no/such/folder")
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Random models; flow-class-adamw and flow-time are missing."""
    folder = tmp_path_factory.mktemp("checkpoints")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        random_checkpoint(folder, "ddpm-class", "ddpm", CLASSES)
        random_checkpoint(folder, "flow-class", "flow", CLASSES)
        random_checkpoint(folder, "ddpm-time", "ddpm", 0)
    return folder


@pytest.fixture(scope="module")
def board(folder):
    """The benchmark's whole run, on few digits; its JSON."""
    mnist_quality.main([*FEW, "--out", str(folder / "b.json"), "--save", str(folder / "d.npz")], folder)
    return json.loads((folder / "b.json").read_text())


def named(board: dict) -> dict[tuple, dict]:
    """Rows by what makes them the same measurement."""
    return {tuple(r[k] for k in KEYS): r for r in board["rows"]}


# ---- the Frechet distance ----


def test_frechet_distance_of_two_gaussians_on_a_line():
    p = Statistics(torch.tensor([1.0]).double(), torch.tensor([[4.0]]).double())
    q = Statistics(torch.tensor([-2.0]).double(), torch.tensor([[0.25]]).double())
    assert frechet_distance(p, q) == pytest.approx((1 + 2) ** 2 + (2 - 0.5) ** 2, abs=1e-12)


def test_frechet_distance_of_diagonal_gaussians_is_a_sum_over_axes_and_ignores_rotation():
    g = torch.Generator().manual_seed(0)
    means, deviations = torch.randn(2, 5, generator=g).double(), torch.rand(2, 5, generator=g).double()
    expected = ((means[0] - means[1]) ** 2 + (deviations[0] - deviations[1]) ** 2).sum().item()
    turn = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(1)).double())[0]
    for r in (torch.eye(5).double(), turn):
        p, q = (Statistics(r @ m, r @ torch.diag(d**2) @ r.T) for m, d in zip(means, deviations, strict=True))
        assert frechet_distance(p, q) == pytest.approx(expected, abs=1e-9)
        assert frechet_distance(p, p) == pytest.approx(0, abs=1e-9)


# ---- one run, judged again ----


def test_the_json_holds_what_the_app_reads(board):
    assert list(board) == ["date", "device", "torch", "scale", "targets", "rows", "speed"]
    assert set(board["scale"]) == {"test_full", "test_same_n", "n", "noise"}
    assert board["scale"]["test_same_n"] is None and board["scale"]["n"] == 20
    assert 0 < board["scale"]["test_full"] < 1 < board["scale"]["noise"]
    here = [c for c in plan(20, 10) if c.model not in ("flow-class-adamw", "flow-time")]
    assert [tuple(r[k] for k in (*KEYS, "digits")) for r in board["rows"]] == [(*c.key, c.digits) for c in here]
    assert all(set(r) == FIELDS and r["precision"] == "float32" and r["frechet"] > 0 for r in board["rows"])
    silent = {c.key for c in here if c.guidance == 0 or c.model == "ddpm-time"}
    assert {key for key, r in named(board).items() if r["accuracy"] is None} == silent
    assert [s["what"].split(", ", 1)[1] for s in board["speed"]] == [
        "flow-class, euler 20: seconds",
        "flow-class, euler 20: live preview, %",
        "ddpm-class, ddpm 24: seconds",
    ]


def test_the_targets_say_what_was_reached(board):
    assert board["targets"] == targets(board)
    assert len(board["targets"]) == 3 * 2 + 3
    assert not any(t["ok"] for t in board["targets"] if "accuracy" in t["what"])
    (most,) = [s["most"] for s in board["speed"] if s["what"] == "ten digits, flow-class, euler 20: seconds"]
    for seconds, ok in ((most, True), (most + 0.01, False)):  # not as measured: the machine may be busy
        speed = [s | {"seconds": seconds} for s in board["speed"]]
        reached = {t["what"]: t["ok"] for t in targets(board | {"speed": speed})}
        assert reached["ten digits, flow-class, euler 20: seconds"] == ok
    same = targets(board | {"scale": board["scale"] | {"test_same_n": 1e6}})
    assert [t["ok"] for t in same if "as many" in t["what"]] == [True] * 3


def test_one_row_per_line_and_one_key_of_a_card_per_line(board, folder):
    lines = (folder / "b.json").read_text().splitlines()
    assert sum('"group": ' in line for line in lines) == len(board["rows"])
    found = card("ddpm-class", folder)
    row = named(board)["defaults", "ddpm-class", "ddpm", 24, default_guidance("ddpm-class", "ddpm"), "noise"]
    assert list(found["scores"]) == ["ddpm 24", "ddim 20"]
    assert found["scores"]["ddpm 24"] == {k: row[k] for k in found["scores"]["ddpm 24"]}
    assert len((folder / "ddpm-class" / "card.json").read_text().splitlines()) == len(found) + 2


def test_saved_digits_are_balanced_and_give_the_scores_again(board, folder):
    saved = np.load(folder / "d.npz")
    rows = [r for r in board["rows"] if r["group"] == "defaults"]
    assert len(saved.files) == 2 * len(rows)
    for row in rows:
        name = f"{row['model']}_{row['sampler']}_{row['steps']}" + "_mean" * (row["start"] == "mean")
        name += "_alone" * (row["model"] == "ddpm-time" and row["guidance"] == 1)
        digits, labels = saved[f"{name}_digits"], saved[f"{name}_labels"]
        assert digits.shape == (20, 28, 28) and digits.dtype == np.uint8
        said, features = judge(load("classifier", "cpu"), torch.from_numpy(digits)[:, None] / 255)
        if row["accuracy"] is None:
            assert (labels == -1).all()
        else:
            assert np.bincount(labels, minlength=CLASSES).tolist() == [2] * CLASSES
            assert row["accuracy"] == pytest.approx((said.numpy() == labels).mean())
        f, train = features.double().numpy(), reference("train")
        mean, covariance = f.mean(0), np.cov(f, rowvar=False)
        roots = np.sqrt(np.linalg.eigvals(covariance @ train.covariance.numpy()).astype(complex)).real.sum()
        expected = ((mean - train.mean.numpy()) ** 2).sum() + np.trace(covariance) + train.covariance.trace().item()
        assert row["frechet"] == pytest.approx(expected - 2 * roots, rel=1e-3)


def test_a_run_on_the_mean_digit_is_a_row_of_its_own(board, folder):
    rows = [r for r in board["rows"] if r["model"] == "ddpm-time" and r["group"] == "defaults"]
    assert [(r["start"], r["guidance"]) for r in rows] == [("noise", 1), ("noise", 2), ("mean", 1), ("mean", 2)]
    assert len({r["frechet"] for r in rows}) == 4
    assert list(card("ddpm-time", folder)["scores"]) == [
        "ddim 20, alone", "ddim 20", "ddim 20, on the mean digit, alone", "ddim 20, on the mean digit",
    ]  # fmt: skip
    older = {k: v for k, v in rows[0].items() if k != "start"}  # a board of before
    assert put(put([older], rows[2]), rows[0]) == [rows[0], rows[2]]


def test_a_single_saved_row_has_plain_names_too(tmp_path):
    random_checkpoint(tmp_path, "flow-class-adamw", "flow", 10)
    few = ["--device", "cpu", "--digits", "10", "--only", "defaults", "--models", "flow-class-adamw"]
    mnist_quality.main([*few, "--out", str(tmp_path / "b.json"), "--save", str(tmp_path / "d.npz")], tmp_path)
    saved = np.load(tmp_path / "d.npz")
    assert sorted(saved.files) == [
        "digits",
        "flow-class-adamw_euler_20_digits",
        "flow-class-adamw_euler_20_labels",
        "labels",
    ]
    assert (saved["digits"] == saved["flow-class-adamw_euler_20_digits"]).all() and len(saved["labels"]) == 10


# ---- merging ----


def test_a_partial_run_replaces_its_own_rows_only(board, folder, tmp_path):
    out = tmp_path / "b.json"
    out.write_text((folder / "b.json").read_text())
    few = ["--device", "cpu", "--sweep-digits", "12", "--bf16", "--only", "guidance", "--models", "flow-class"]
    mnist_quality.main([*few, "--out", str(out)], folder)
    before, after = named(board), named(json.loads(out.read_text()))
    assert list(before) == list(after)
    changed = {key for key in after if after[key] != before[key]}
    assert changed == {key for key in after if key[:2] == ("guidance", "flow-class")}
    assert all(after[key]["digits"] == 12 and after[key]["precision"] == "bfloat16" for key in changed)
    assert json.loads(out.read_text())["scale"] == board["scale"]


def test_rows_keep_the_plans_order_and_drop_what_is_no_longer_planned():
    cases = plan()
    rows = [dict(zip(KEYS, case.key, strict=True)) for case in reversed(cases)]
    stale = rows[0] | {"steps": 7}
    found = []
    for row in [stale, *rows]:
        found = put(found, row)
    assert [tuple(r[k] for k in KEYS) for r in found] == [case.key for case in cases]


def test_a_killed_run_keeps_its_finished_rows(folder, tmp_path, monkeypatch):
    draw = Judge.draw

    def killed(self, case, advance):
        if case.sampler == "heun":
            raise KeyboardInterrupt
        return draw(self, case, advance)

    monkeypatch.setattr(Judge, "draw", killed)
    few = [*FEW, "--only", "defaults", "--models", "flow-class"]
    with pytest.raises(KeyboardInterrupt):
        mnist_quality.main([*few, "--out", str(tmp_path / "b.json"), "--save", str(tmp_path / "d.npz")], folder)
    assert [r["sampler"] for r in json.loads((tmp_path / "b.json").read_text())["rows"]] == ["euler"]
    assert "flow-class_euler_20_digits" in np.load(tmp_path / "d.npz")
    assert {f.name for f in tmp_path.iterdir()} == {"b.json", "d.npz"}


# ---- parts ----


def test_digit_k_has_its_own_seed_whatever_the_batches(folder, monkeypatch):
    monkeypatch.setattr(judging, "BATCH", 4)
    case = Case("defaults", "ddpm-class", "ddpm-strided", 5, 3.0, 10)
    work = []
    pixels = Judge("cpu", 7, False, folder).draw(case, work.append)
    *_, step = generate(load("ddpm-class", "cpu", folder), [9], "ddpm-strided", 5, 3.0, 7 + 9)
    assert np.abs(pixels[9].astype(int) - to_uint8(step.x_t)[0, ..., 0]).max() <= 1
    assert math.isclose(sum(work), case.work) and case.work == 2 * 5 * 10


def test_bfloat16_stays_inside_the_network_call(folder):
    inner = load("flow-class", "cpu", folder)
    x, t = torch.rand(3, 1, 28, 28), torch.tensor([999, 500, 0])
    exact = inner.predict(x, t, inner.encode([1, 2, 3]))
    rough = judging.Bfloat16(inner).predict(x, t, inner.encode([1, 2, 3]))
    assert rough.x_0.dtype == rough.eps.dtype == torch.float32
    assert not torch.equal(exact.x_0, rough.x_0) and torch.allclose(exact.x_0, rough.x_0, atol=0.02)
    assert not torch.is_autocast_enabled("cpu")


def test_real_digits_are_a_seeded_choice_of_the_test_set(monkeypatch):
    images = torch.arange(50, dtype=torch.uint8).view(50, 1, 1, 1).expand(50, 1, 28, 28)
    data = pytest.importorskip("core.datasets.mnist")
    monkeypatch.setattr(data, "mnist", lambda train: (images, None))
    chosen = judging.real_digits(20, 0)
    assert chosen.shape == (20, 28, 28) and len(set(chosen[:, 0, 0].tolist())) == 20
    assert (judging.real_digits(20, 0) == chosen).all() and not (judging.real_digits(20, 1) == chosen).all()
    assert judging.real_digits(51, 0) is None


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        (["--digits", "1"], "--digits must be a whole number"),
        (["--seed", "-1"], "--seed must be a whole number"),
        (["--models", "classifier"], "invalid choice"),
        (["--only", "steps", "--save", "d.npz"], "--save keeps the digits of the defaults"),
        (["--out", "nowhere/b.json"], "There is no folder nowhere"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_sentence(wrong, sentence, capsys):
    with pytest.raises(SystemExit):
        mnist_quality.main(wrong)
    assert sentence in capsys.readouterr().err
