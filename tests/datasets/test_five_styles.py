"""Things in five styles: the reading of the sheets, what is taught, what is held out, and that it reaches no batch."""

import random
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image
from toys import ARTISTS, THINGS, data, five_squares

from core.datasets import data_folder, five_styles
from core.datasets.five_styles import chosen, drawings, held_out, never_seen, things, tiles
from core.datasets.pictures import CHOSEN, LISTS, Subject, emoji, photo_names, unit
from core.models.captions import DRAWING_STYLES, LENGTH, words_of
from training import pocket_data, publish_pocket
from training.pocket_data import FIVE_STYLES, UNLABELLED, Pictures, shared

STYLES = ("emoji", "flat", "glossy", "sticker", "outlined")  # in the order of the toys' ARTISTS
TAUGHT = ("rocket", "penguin", "rose", "castle", "backpack")
APART = {("rose", "glossy"), ("castle", "glossy"), ("backpack", "outlined")}

pytestmark = pytest.mark.slow  # the toy sheets alone take half a minute


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three kinds of photo, 53 emoji, and 23 things in five styles."""
    return data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def pictures(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pocket_data, "CHOSEN", ("goldfish", "beacon"))
        yield Pictures(FIVE_STYLES, 0.5, torch.device("cpu"), folder)


@pytest.fixture
def real():
    """The things of the real data set, where it is at hand."""
    try:
        return things()
    except FileNotFoundError as e:
        pytest.skip(str(e))


def g(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# ---- reading ----


@pytest.mark.parametrize("style, artists", zip(STYLES, ARTISTS, strict=True))
@pytest.mark.parametrize("side", [64, 256])
def test_every_tile_is_cut_where_it_lies(style, artists, side, folder):
    found, expected = tiles(style, side, folder), five_squares()[ARTISTS.index(artists)]
    assert found.shape == (len(THINGS), side, side, 3) and found.dtype == np.uint8
    at = [int(side * (32 + 48 * k + 24) / 256) for k in range(4)]  # the middles of the squares
    assert np.array_equal(found[:, at][:, :, at], expected)
    border = side // 8
    assert (found[:, :border] == 255).all() and (found[:, :, -border:] == 255).all()


def test_a_smaller_tile_has_the_means_of_its_pixels(tmp_path):
    (tmp_path / "drawings256").mkdir()
    (tmp_path / "drawings256" / "names.tsv").write_text("a\ta\t\t\n" * 20)
    pixels = np.random.default_rng(0).integers(0, 256, (256, 5120, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "drawings256" / "openmoji-0.webp", lossless=True)
    found = tiles("outlined", 64, tmp_path)
    for k in (0, 7, 19):
        tile = pixels[:, 256 * k : 256 * k + 256].astype(float)
        for i, j in ((0, 0), (13, 50), (63, 63)):
            mean = tile[4 * i : 4 * i + 4, 4 * j : 4 * j + 4].mean((0, 1))
            assert np.abs(found[k, i, j] - mean).max() <= 0.51


def test_things_have_names_and_what_is_missing(folder):
    found = things(folder)
    assert [t.name for t in found] == [name for name, _, _ in THINGS] and [t.place for t in found] == list(range(23))
    assert found[22].names == ("backpack", "school satchel"), "an alias with capitals is none"
    assert found[20].missing == {"fluent"} and not found[20].drawn("glossy") and found[20].drawn("flat")


def test_data_that_are_not_here_are_one_sentence(tmp_path):
    sentence = r"was not found under .*--data or the variable DIFFUSION_DATA\.$"
    with pytest.raises(FileNotFoundError, match=rf"^drawings256 {sentence}"):
        things(tmp_path)
    with pytest.raises(FileNotFoundError, match=rf"^drawings256/noto-0\.webp {sentence}"):
        tiles("emoji", 64, tmp_path)


# ---- what is taught, and what is held out ----


def test_drawings_are_the_chosen_things_but_those_held_out_or_missing(folder):
    pixels, subjects = drawings(folder)
    expected = [(n, s) for s in STYLES for n in TAUGHT if (n, s) not in APART]
    assert [(s.names[0], s.style) for s in subjects] == expected and len(pixels) == 22
    assert not any(s.photo for s in subjects)
    places = [name for name, _, _ in THINGS]
    squares = five_squares()
    for picture, (name, style) in zip(pixels.numpy(), expected, strict=True):
        assert np.array_equal(picture[14:56:12, 14:56:12], squares[STYLES.index(style), places.index(name)])


def test_emoji_that_the_five_artists_lack_are_still_taught(folder, monkeypatch):
    monkeypatch.setattr(five_styles, "chosen", lambda: ["castle", "rocket"])
    pixels, subjects = drawings(folder)
    older, names = emoji("everyday", folder)
    assert [(s.names[0], s.style) for s in subjects[-2:]] == [("penguin", "emoji"), ("rose", "emoji")]
    assert torch.equal(pixels[-2:], older[[s.names[0] in ("penguin", "rose") for s in names]])


def test_what_is_never_seen_is_told_by_style(folder):
    found = never_seen(folder)
    assert {(n, s) for s, names in found.items() for n in names} == APART and tuple(found) == STYLES


def test_the_chosen_things_are_in_the_data_and_everyday(real):
    names = chosen()
    assert len(names) == len(set(names)) >= 600 and names == sorted(names, key=str.lower)
    assert set(names) <= {t.name for t in real}
    everyday = set(LISTS["everyday"].read_text().splitlines())
    assert everyday & {t.name for t in real} <= set(names), "what pocket knew stays"
    assert not any(w in n for n in names for w in ("skin tone", "flag:", "button"))


def test_the_held_out_pairs_follow_from_their_rule(real):
    missing = {t.name for t in real if t.missing}
    whole = [n for n in chosen() if n not in missing]
    random.Random(0).shuffle(whole)
    assert held_out() == {(n, STYLES[1:][k % 4]) for k, n in enumerate(whole[:100])}


def test_a_hundred_things_are_held_out_in_one_style_each():
    pairs = held_out()
    assert len(pairs) == len({name for name, _ in pairs}) == 100 and {n for n, _ in pairs} <= set(chosen())
    assert Counter(style for _, style in pairs) == dict.fromkeys(STYLES[1:], 25)


def test_no_real_drawing_that_is_trained_on_is_held_out_or_white(real):
    pixels, subjects = drawings()
    assert not {(s.names[0], s.style) for s in subjects} & held_out()
    assert (pixels.flatten(1).amin(1) < 255).all(), "a white cell"
    by_style = Counter(s.style for s in subjects)
    apart = {style: len(names) for style, names in never_seen().items()}
    assert all(by_style[style] == len(chosen()) - apart[style] for style in STYLES[1:])
    assert sum(apart.values()) == 100 + sum(len(t.missing) for t in real if t.name in set(chosen()))


# ---- captions ----


@pytest.mark.parametrize("style", STYLES)
def test_every_caption_of_a_drawing_names_its_style(style):
    captions = Subject(("Owl", "bird"), False, style).captions()
    prompt = DRAWING_STYLES[style].prompt
    assert {f"{prompt} an Owl", f"{prompt} a bird"} <= set(captions)
    if style != "emoji":
        assert all(c.startswith(prompt) for c in captions)
    others = [s.prompt for name, s in DRAWING_STYLES.items() if name != style]
    assert not any(c.startswith(other) for c in captions for other in others)


def test_no_two_styles_are_asked_for_by_the_same_words():
    said = [frozenset(words_of(style.prompt)) - {"a", "an", "of"} for style in DRAWING_STYLES.values()]
    assert len(set(said)) == 5 and all(said)
    assert DRAWING_STYLES["flat"].of("a fox") == "a flat drawing of a fox"
    assert DRAWING_STYLES["outlined"].plain == "an outlined drawing"


def test_the_vocabulary_keeps_the_words_of_the_emoji_that_pocket_knew(real):
    _, older = emoji("everyday")
    _, now = drawings()
    known = pocket_data.vocabulary(now)
    assert not any(known.unknown(c) for s in older for c in s.captions())
    assert not any(known.unknown(style.prompt) for style in DRAWING_STYLES.values())


def test_the_chosen_kinds_of_photo_are_kinds_of_photo(real):
    path = data_folder() / "photos64" / "classes.tsv"
    kinds = {photo_names(line.split("\t")[1])[0] for line in path.read_text().splitlines()}
    assert len(set(CHOSEN)) == 40 and set(CHOSEN) <= kinds


# ---- batches ----


def test_no_picture_held_out_reaches_a_batch(pictures):
    x, _ = pictures.batch(3000, g())
    middles = x[:, :, 14:56:12, 14:56:12].flatten(1)  # hold still under a shift of 2
    squares = unit(torch.from_numpy(five_squares()).flatten(0, 1)).flatten(1)
    seen = {
        divmod(k, len(THINGS))
        for row in middles
        for k in ((squares - row).abs().amax(1) < 1e-6).nonzero()[:, 0].tolist()
    }
    names = {(THINGS[thing][0], STYLES[artists]) for artists, thing in seen}
    assert names == {(n, s) for s in STYLES for n in TAUGHT} - APART


def test_captions_of_a_batch_are_those_of_its_pictures(pictures):
    x, ids = pictures.batch(1200, g(1))
    tiles, subjects = pictures.drawings, pictures.drawing_subjects
    middles, encode = unit(tiles)[:, :, 14:56:12, 14:56:12].flatten(1), pictures.vocabulary.encode
    plain = {s: DRAWING_STYLES[s].plain for s in STYLES[1:]} | {"emoji": "an emoji"}
    found = Counter()
    for picture, row in zip(x[600:], ids[600:].tolist(), strict=True):
        k = (middles - picture[:, 14:56:12, 14:56:12].flatten()).abs().amax(1).argmin()
        allowed = [*subjects[k].captions(), plain[subjects[k].style], *["a drawing"] * (subjects[k].style == "emoji")]
        assert row in encode(allowed).tolist(), subjects[k]
        found[subjects[k].style] += 1
    shares = [22 * found[style] / 600 for style in STYLES]
    assert shares == pytest.approx([5, 5, 3, 5, 4], abs=1), "every drawing comes alike"


def test_outlined_drawings_come_as_often_as_they_are_favoured(folder):
    some = Pictures(FIVE_STYLES, 0.0, torch.device("cpu"), folder, favour=3.0)
    outlined = some.vocabulary.encode(["an outlined drawing"])[0, :3]  # how each of its captions begins
    _, ids = some.batch(3000, g())
    share = (ids[:, :3] == outlined).all(1).float().mean().item()
    assert share == pytest.approx(4 * 3 / (18 + 4 * 3), abs=0.03)


def test_kinds_of_photo_that_are_not_chosen_have_no_name(pictures):
    x, ids = pictures.batch(4000, g(2))
    encode = pictures.vocabulary.encode
    assert pictures.vocabulary.unknown("a school bus") == ["bus"] and pictures.vocabulary.known("goldfish")
    kinds = ((x[:2000, 0].mean((1, 2)) + 1) * 127.5 - 40).div(80).round()  # the red of the toys' photos
    share = (kinds == 2).float().mean().item()
    assert share == pytest.approx(UNLABELLED, abs=0.02)
    rows = ids[:2000][kinds == 2]
    allowed = encode(["", *pocket_data.PLAIN_PHOTO])
    assert (rows[:, None] == allowed).all(2).any(1).all()
    assert (rows == encode([""])).all(1).float().mean().item() == pytest.approx(0.5, abs=0.08)
    assert ids.shape == (4000, LENGTH)


def test_shares_are_those_that_are_asked_for():
    kinds = [Subject((n,), True) for n in "abcde"]
    found = shared(kinds, {"a", "d"}, 0.8)
    assert found.tolist() == pytest.approx([0.4, 0.2 / 3, 0.2 / 3, 0.4, 0.2 / 3])


# ---- the card ----


def test_the_card_tells_the_styles_with_their_words(folder):
    _, subjects = drawings(folder)
    told = publish_pocket.styles(subjects)
    assert tuple(told) == STYLES and [row["things"] for row in told.values()] == [5, 5, 3, 5, 4]
    assert told["flat"]["prompt"] == "a flat drawing of" and told["flat"]["about"]
    assert tuple(publish_pocket.styles([Subject(("owl",), False)])) == ("emoji",)
    for name in (
        "Noto Emoji",
        "Apache 2.0",
        "Twemoji",
        "CC BY 4.0",
        "Microsoft, MIT",
        "OpenMoji",
        "CC BY-SA 4.0",
        "Tiny",
    ):
        assert name in publish_pocket.DATA_OF_FIVE
