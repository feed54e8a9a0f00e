"""The benchmark's judges of drawings in styles and of kinds of photo, on pictures whose answer is known."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from toys import THINGS, data

from benchmarks import pocket_kinds, pocket_styles
from benchmarks.pocket_styles import distance_within, named, nearest, seen_in, some
from benchmarks.style_judge import StyleJudge
from core.datasets.five_styles import tiles
from core.datasets.pictures import HELD_OUT, photos
from core.models.captions import DRAWING_STYLES
from core.models.scores import Statistics, frechet_distance
from core.runs.prompts import default_guidance

pytestmark = pytest.mark.slow

NAMES = ["rocket", "penguin", "rose", "castle", "backpack"]
PLACES = {name: k for k, (name, _, _) in enumerate(THINGS)}
CARD = {
    "drawings": NAMES,
    "styles": dict.fromkeys(DRAWING_STYLES),
    "never_seen": {"emoji": [], "flat": [], "glossy": ["rose", "castle"], "sticker": [], "outlined": ["backpack"]},
    "photos": ["school bus", "goldfish"],
}


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """The toys' data sets, in the place of the real ones."""
    root = data(tmp_path_factory.mktemp("data"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIFFUSION_DATA", str(root))
        pocket_styles.real.cache_clear()
        pocket_kinds.tiles_of.cache_clear()
        pocket_kinds.trained_on.cache_clear()
        yield root
    pocket_styles.real.cache_clear()
    pocket_kinds.tiles_of.cache_clear()
    pocket_kinds.trained_on.cache_clear()


class Bench(SimpleNamespace):
    """A painter who copies the drawing that is asked for, but for some prompts; it keeps what it was asked."""

    def __init__(self, instead: dict[str, tuple[str, str]] | None = None, **args):
        super().__init__(args=SimpleNamespace(drawings=9, per_kind=10, **args), card=CARD, kept=[], calls=[])
        self.instead = instead or {}

    def samples(self, prompts, guidance, apart=0):
        """The drawing that each prompt asks for."""
        self.calls.append((list(prompts), guidance, apart))
        out = []
        for prompt in prompts:
            style = next(s for s, about in DRAWING_STYLES.items() if prompt.startswith(about.prompt))
            thing = prompt.removeprefix(DRAWING_STYLES[style].prompt).removeprefix(" a").removeprefix("n").strip()
            thing, style = self.instead.get(prompt, (thing, style))
            out.append(tiles(style)[PLACES[thing]])
        return np.stack(out)

    def keep(self, prompts, pixels):
        """Count what is kept."""
        self.kept += prompts


class Judge:
    """Who knows every real drawing by heart."""

    accuracy = 0.75

    def named(self, pixels):
        return [
            next(s for s in DRAWING_STYLES if any(np.array_equal(x, t) for t in tiles(s)[[PLACES[n] for n in NAMES]]))
            for x in pixels
        ]


@pytest.fixture(autouse=True)
def judge(monkeypatch):
    monkeypatch.setattr(pocket_styles, "judge_of_styles", Judge)


def test_the_nearest_of_all_drawings_of_a_style_is_found():
    for style in DRAWING_STYLES:
        places = [PLACES[n] for n in NAMES if not (n == "rose" and style == "glossy")]
        noise = np.random.default_rng(0).integers(-30, 31, (len(places), 64, 64, 3))
        pixels = np.clip(tiles(style)[places] + noise, 0, 255).astype(np.uint8)
        distance, found = nearest(pixels, style)
        assert found == places and (distance < 5).all()
    white = np.full((1, 64, 64, 3), 255, np.uint8)
    assert nearest(white, "glossy")[1] != [PLACES["rose"]], "a drawing that is missing is no drawing"


def test_a_thing_is_right_by_any_of_its_names():
    assert named([PLACES["rocket"], PLACES["rose"]], ["rocket", "penguin"]) == [True, False]


def test_things_are_those_that_the_card_says_were_seen():
    assert seen_in(CARD)["glossy"] == ["rocket", "penguin", "backpack"] and seen_in(CARD)["flat"] == NAMES
    assert seen_in({"drawings": ["rose", "elf"]}) == {"emoji": ["rose"]}, "a pocket of one style"
    assert sorted(some(NAMES, 9)) == sorted(NAMES) and some(NAMES, 2) == some(NAMES, 9)[:2]


def test_styles_are_judged_apart_among_what_was_seen():
    wrong = {"a sticker of a rose": ("castle", "sticker"), "a sticker of a penguin": ("penguin", "flat")}
    bench = Bench(wrong)
    found = pocket_styles.styles(bench)
    assert [found[s]["n"] for s in DRAWING_STYLES] == [5, 5, 3, 5, 4]
    assert [found[s]["right"] for s in ("emoji", "flat", "glossy", "outlined")] == [1, 1, 1, 1]
    assert found["sticker"]["style"] == 0.8 and "rose" in found["sticker"]["missed"]
    assert (
        found["guidance"] == default_guidance("pocket") and found["judge_of_styles"] == 0.75 and len(bench.kept) == 22
    )


def test_what_was_never_seen_is_judged_by_style_and_by_thing():
    found = pocket_styles.never_seen(bench := Bench())
    assert sorted(bench.kept) == ["a glossy drawing of a castle", "an outlined drawing of a backpack"]
    assert (found["style"], found["thing"], found["thing_in_any_style"], found["n"]) == (1, 1, 1, 2)
    other_style = Bench({"a glossy drawing of a castle": ("castle", "flat")})
    found = pocket_styles.never_seen(other_style)
    assert found["style"] == 0.5 and found["thing_in_any_style"] == 1
    other_thing = Bench({"a glossy drawing of a castle": ("penguin", "glossy")})
    found = pocket_styles.never_seen(other_thing)
    assert (found["style"], found["thing"], found["thing_in_any_style"]) == (1, 0.5, 0.5)


def test_the_spread_is_none_where_all_seeds_are_alike():
    found = pocket_styles.spread(bench := Bench())
    assert set(found) == {"things", "seeds", *DRAWING_STYLES} and found["flat"] == {"1": 0, "3": 0, "7": 0}
    assert all(len(prompts) == 5 * len(set(prompts)) for prompts, _, _ in bench.calls)


def test_the_distance_within_groups_is_that_of_all_pairs():
    x = torch.randn(3, 4, 7, generator=torch.Generator().manual_seed(0))
    pairs = [((a - b) ** 2).sum().item() for group in x for a, b in itertools.combinations(group, 2)]
    assert distance_within(x) == pytest.approx(np.mean(pairs) ** 0.5, rel=1e-5)
    assert distance_within(x[:, :1]) == 0


def test_a_judge_of_styles_tells_stripes_from_plain_areas():
    noise = np.random.default_rng(0)
    areas = noise.integers(0, 256, (64, 1, 1, 3), dtype=np.uint8).repeat(64, 1).repeat(64, 2)
    stripes = areas.copy()
    stripes[:, ::4] = 255 - stripes[:, ::4]
    state = torch.random.get_rng_state()
    judge = StyleJudge.of({"plain": areas, "striped": stripes}, epochs=12)
    assert judge.accuracy > 0.85 and torch.equal(torch.random.get_rng_state(), state)
    right = judge.named(stripes[4::5]).count("striped") + judge.named(areas[4::5]).count("plain")
    assert right == round(24 * judge.accuracy)


# ---- kinds of photo ----


def known(right_at: float):
    """A judge who knows what was asked at one guidance alone, and features that are the pixels' means."""

    def judged(pixels):
        pixels = np.asarray(pixels)
        means = torch.from_numpy(pixels.reshape(len(pixels), -1, 3).mean(1)).float()
        answer = torch.where(means[:, 0] == right_at, means[:, 1], torch.full((len(pixels),), 6.0)).long()
        return means, torch.nn.functional.one_hot(answer.clamp(0, 6), 7).float() * 9 - torch.arange(7) / 10

    return judged


@pytest.fixture
def painter(monkeypatch):
    """Photos in which the guidance is the red, and the place of the kind the green."""
    bench = Bench()
    places = {"a photo of a school bus": 2, "a photo of a goldfish": 0}

    def samples(prompts, guidance, apart=0):
        bench.calls.append((list(prompts), guidance, apart))
        out = np.zeros((len(prompts), 64, 64, 3), np.uint8)
        out[..., 0] = int(guidance)
        out[..., 1] = np.array([places[p] for p in prompts])[:, None, None]
        return out

    bench.samples = samples
    monkeypatch.setattr(pocket_kinds, "judged", known(5))
    monkeypatch.setattr(pocket_kinds, "distances", lambda features, names, each: {"frechet": 1.0, "frechet_floor": 0.5})
    return bench


def test_kinds_are_counted_at_the_best_guidance_from_other_noises(painter):
    found = pocket_kinds.kinds(painter)
    assert found["guidance"] == 5 and found["top_1"] == found["top_5"] == 1 and found["n"] == 20 and found["kinds"] == 2
    assert found["right_of"] == {"school bus": 1, "goldfish": 1}
    assert set(found["chosen_by"]) == {"3", "5", "7"} and found["chosen_by"]["3"]["top_1"] == 0
    prompts, guidance, apart = painter.calls[-1]
    assert guidance == 5 and apart > 1000 and all(call[2] == 0 for call in painter.calls[:-1])
    assert prompts == ["a photo of a school bus"] * 10 + ["a photo of a goldfish"] * 10 == painter.kept


def test_distances_are_to_the_photos_of_the_same_kinds(monkeypatch):
    monkeypatch.setattr(pocket_kinds, "judged", known(0))
    tiles, _ = photos()
    mine = tiles[[2, 0]].float().mean((2, 3))  # (2, 500, 3)
    features = torch.randn(20, 3, generator=torch.Generator().manual_seed(0)) * 30 + 100
    found = pocket_kinds.distances(features, ["school bus", "goldfish"], 10)
    train = Statistics.of(mine[:, :-HELD_OUT].flatten(0, 1))
    assert found["frechet"] == pytest.approx(frechet_distance(Statistics.of(features), train), rel=1e-2)
    floor = frechet_distance(Statistics.of(mine[:, -HELD_OUT:].flatten(0, 1)), train)
    assert found["frechet_floor"] == pytest.approx(floor, rel=1e-2, abs=0.02)
