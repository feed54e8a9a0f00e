"""Pocket: its captions, its network, the contract of a Denoiser, and its checkpoint, in parts and in full."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from toys import KINDS, SHAPE, WORDS, checkpoint, lively, same_pocket, text_unet, tiny_pocket

from core.checks import ModelError
from core.datasets import data_folder
from core.datasets.five_styles import chosen, things
from core.datasets.pictures import Subject, emoji, photo_names
from core.diffusion.denoiser import Technique
from core.diffusion.guidance import clip, guide
from core.diffusion.noise import generators, randn
from core.diffusion.samplers import ddim
from core.diffusion.visits import visits_together
from core.models import captions, mnist, registry
from core.models import pocket as contract
from core.models import text_unet as network
from core.models.captions import LENGTH, PAD, START, Vocabulary, words_of
from core.models.mnist_unet import UNet, layout
from core.models.photo_classifier import PhotoClassifier
from core.models.pocket import SCHEDULE
from core.models.pocket import SHAPE as PICTURE
from core.models.registry import CHECKPOINTS, availability, card, load, weights
from core.models.text_unet import Attention, TextUNet, sinusoid
from core.runs.sampling import draw
from training.pocket_data import FIVE_STYLES, named, vocabulary
from training.pocket_run import Recipe

VOCABULARY = Vocabulary(WORDS)
PROMPTS = ("an emoji of a rose", None, "a photo of a lighthouse")
SHIPPED = pytest.mark.skipif(
    not availability("pocket")[0], reason="checkpoints/pocket is not here; train it with training.train_pocket"
)


def ids(*words: str) -> list[int]:
    """A row of `Vocabulary.encode`, from a second computation."""
    row = [START, *(WORDS.index(w) + 2 for w in words)]
    return row + [PAD] * (LENGTH - len(row))


@pytest.fixture(scope="module")
def pocket():
    return tiny_pocket()


@pytest.fixture
def folder(tmp_path, pocket):
    """checkpoints/ with a tiny pocket in two files."""
    checkpoint(tmp_path, pocket)
    return tmp_path


# ---- words ----


@pytest.mark.parametrize(
    "text, words",
    [
        ("Piñata, T-Rex", ["pinata", "t", "rex"]),
        ("a Rose's  thorn\n(red!)", ["a", "roses", "thorn", "red"]),
        ("potter’s wheel", ["potters", "wheel"]),
        ("CAFÉ 24/7", ["cafe", "24", "7"]),
        ("ｒｏｓｅ 𝐑𝐨𝐬𝐞", ["rose", "rose"]),
        ("🚀🐧", []),
        ("企鹅的表情", []),
        ("rose 🌹 玫瑰", ["rose"]),
        ("...", []),
        ("", []),
    ],
)
def test_words_are_lower_case_without_accents_or_punctuation(text, words):
    assert words_of(text) == words


def test_encoding_starts_pads_and_leaves_out_what_is_unknown():
    rows = VOCABULARY.encode(["A penguin, of water!", "zebra penguin xyzzy", "", "🚀"])
    assert rows.dtype == torch.int64 and rows.shape == (4, LENGTH)
    assert rows.tolist() == [ids("a", "penguin", "of", "water"), ids("penguin"), ids(), ids()]
    assert len(VOCABULARY) == len(WORDS) + 2 and rows.max() < len(VOCABULARY)


def test_encoding_cuts_a_text_at_the_length():
    full = ["rose", "tower"] * 5 + ["water"]
    assert len(full) == LENGTH - 1
    assert VOCABULARY.encode([" ".join([*full, "penguin"])]).tolist() == [ids(*full)]
    assert VOCABULARY.encode([" ".join(["zzz", *full[:-1], "yyy", "water", "rose"])]).tolist() == [ids(*full)]


def test_encoding_keeps_no_trace_of_the_other_texts():
    texts = ["a rose", "a photo of a tower", "penguin"]
    assert torch.equal(VOCABULARY.encode(texts), torch.cat([VOCABULARY.encode([t]) for t in texts]))
    assert VOCABULARY.encode([]).shape == (0, LENGTH)


@pytest.mark.parametrize(
    "word, known",
    [
        ("rose", "rose"),
        ("roses", "rose"),
        ("torches", "torch"),
        ("berries", "berry"),
        ("glasses", "glasses"),
        ("glasse", "glasses"),
        ("buses", "bus"),
        ("s", None),
        ("", None),
        ("zebra", None),
    ],
)
def test_plurals_and_singulars_are_the_same_word(word, known):
    assert Vocabulary(["rose", "torch", "berry", "glasses", "bus"]).known(word) == known


def test_unknown_words_come_once_in_order_and_without_small_ones():
    assert VOCABULARY.unknown("the Zebra by a rose, with ZEBRAS... zebra and an elf for roses") == [
        "zebra",
        "zebras",
        "elf",
    ]
    assert VOCABULARY.unknown("") == VOCABULARY.unknown("企鹅") == []


def test_similar_words_are_spelled_alike_the_best_first():
    spelled = Vocabulary(["rose", "prose", "penguin", "ro", "tower"])
    assert spelled.similar("pengiun") == ["penguin"]
    assert spelled.similar("prosee") == ["prose", "rose"]
    assert spelled.similar("prosee", 1) == ["prose"]
    assert spelled.similar("ro") == [] and spelled.similar("xyzzy") == []


def test_no_word_is_offered_that_nobody_wants_to_read_before_a_class():
    rude = Vocabulary(["dyke", "hankey", "harambe", "shirt", "shit"])
    assert rude.similar("shift") == ["shirt"]
    assert rude.similar("suit") == rude.similar("dykes") == rude.similar("hank") == rude.similar("harame") == []
    assert rude.unknown("shit") == [], "who writes it is understood"


# ---- what is near in meaning ----


def test_every_topic_has_words_and_things():
    text = Path(captions.__file__).with_name("related.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = []
    for line in lines:
        assert re.fullmatch(r"[a-z]+( [a-z]+)*: [^,:]+(, [^,:]+)*", line), line
        found += line.split(":")[0].split()
    assert len(lines) > 50 and len(found) == len(set(found)), "a word has two topics"
    assert set(captions._topics()) == set(found)


def test_related_things_are_those_that_the_vocabulary_knows():
    assert VOCABULARY.related("campanile") == ["lighthouse", "water tower"]
    assert VOCABULARY.related("campaniles") == ["lighthouse", "water tower"]
    assert Vocabulary(["dog"]).related("puppies") == ["dog"] and Vocabulary(["wood"]).related("branches") == ["wood"]
    assert VOCABULARY.related("campanile", 1) == ["lighthouse"]
    assert VOCABULARY.related("kitten") == VOCABULARY.related("xyzzy") == []


@pytest.mark.slow
@pytest.mark.parametrize("which", ["everyday", "all", FIVE_STYLES])
def test_every_related_thing_has_a_picture(which):
    try:
        _, drawings = emoji("everyday" if which == FIVE_STYLES else which)
        if which == FIVE_STYLES:
            drawings += [Subject(t.names, False) for t in things() if t.name in chosen()]
    except FileNotFoundError as e:
        pytest.skip(str(e))
    lemmas = [line.split("\t")[1] for line in (data_folder() / "photos64" / "classes.tsv").read_text().splitlines()]
    kinds = [Subject(photo_names(line), True) for line in lemmas]
    known = vocabulary(drawings + named(which, kinds))
    names = {n.lower() for s in (*drawings, *kinds) for n in s.names}
    for word in captions._topics():
        near = known.related(word, 99)
        assert near, word
        if which == "all":
            assert {t.lower() for t in near} <= names


def test_remarks_are_one_sentence_for_each_unknown_word():
    remarks = VOCABULARY.remarks("a campanile and a pengiun of xyzzy")
    assert remarks == [
        "pocket does not know “campanile”; it knows these, near in meaning: lighthouse, water tower.",
        "pocket does not know “pengiun”; it knows words spelled like it: penguin.",
        "pocket does not know “xyzzy”; it is left out.",
    ]
    assert VOCABULARY.remarks("an emoji of a rose") == []
    assert VOCABULARY.remarks("zebra", "tiny")[0].startswith("tiny does not know “zebra”")


@pytest.mark.parametrize(
    "text, words, kind",
    [
        ("an emoji of a lighthouse", "“lighthouse”", "photos"),
        ("a drawing of two lighthouses by a pier", "“lighthouses”, “pier”", "photos"),
        ("a photo of a rocket", "“rocket”", "drawings"),
        ("A picture of Rockets", "“rockets”", "drawings"),
    ],
)
def test_remarks_tell_what_was_seen_in_the_other_kind_of_picture_alone(text, words, kind):
    only = {"lighthouse": "photo", "pier": "photo", "rocket": "drawing"}
    known = Vocabulary(["drawing", "emoji", "lighthouse", "photo", "picture", "pier", "rocket", "rose", "two"], only)
    (sentence,) = known.remarks(text)
    assert sentence.startswith(f"pocket was shown {words} in {kind} alone")
    assert ("a photo of" if kind == "photos" else "an emoji of") in sentence


STYLED = [*WORDS, "castle", "drawing", "flat", "glossy", "outlined", "polar", "bear", "sticker"]


@pytest.mark.parametrize(
    "text", ["a sticker of a lighthouse", "a flat drawing of a lighthouse", "an outlined lighthouse drawing"]
)
def test_every_style_of_drawing_asks_for_a_drawing(text):
    (sentence,) = Vocabulary(STYLED, {"lighthouse": "photo"}).remarks(text)
    assert sentence == "pocket was shown “lighthouse” in photos alone: “a photo of …” suits that better."
    assert Vocabulary(STYLED, {"lighthouse": "drawing"}).remarks(text) == []


@pytest.mark.parametrize(
    "text, pair",
    [
        ("a flat drawing of a castle", ("flat", "castle")),
        ("Flat drawing of the castle!", ("flat", "castle")),
        ("a sticker of a polar bear", ("sticker", "polar bear")),
        ("a flat drawing of a polar bear", None),
        ("a sticker of a bear", None),
        ("a glossy drawing of a castle", None),
        ("a drawing of a castle", None),
        ("a flat drawing of a castle and a bear", None),
        ("castle", None),
        ("", None),
    ],
)
def test_remarks_tell_what_was_never_seen_in_a_style(text, pair):
    known = Vocabulary(STYLED, never={"flat": ["castle"], "sticker": ["polar bear"], "emoji": []})
    assert known.never_seen(text) == pair
    told = [line for line in known.remarks(text) if "never saw" in line]
    assert len(told) == (pair is not None) and all(f"“{pair[1]}” as a " in line for line in told)


def test_what_was_seen_in_both_or_asked_for_in_no_way_gets_no_remark():
    known = Vocabulary(["emoji", "lighthouse", "photo", "rose"], {"lighthouse": "photo"})
    for text in ("a lighthouse", "a photo of a lighthouse", "an emoji of a rose", "a photo of a rose", "a rose", ""):
        assert known.remarks(text) == []


def test_remarks_tell_what_was_cut_off():
    eleven = " ".join(["rose"] * (LENGTH - 1))
    assert VOCABULARY.remarks(eleven) == []
    assert VOCABULARY.remarks(f"{eleven} tower of water") == [
        "pocket reads 11 words it knows; cut off: tower of water."
    ]
    assert len(VOCABULARY.remarks("rose " * 400)) == 1 and len(VOCABULARY.remarks("rose " * 400)[0]) < 150


@pytest.mark.parametrize("nothing", ["企鹅", "🚀", "xyzzy"])
def test_remarks_tell_when_nothing_is_left(nothing):
    assert VOCABULARY.remarks(nothing)[-1] == "pocket knows no word of this prompt, so it counts as no prompt."
    assert VOCABULARY.remarks("") == VOCABULARY.remarks("  ") == []


def test_captions_are_pure_functions():
    before = list(VOCABULARY.words), dict(VOCABULARY.ids)
    state = torch.random.get_rng_state()
    for text in ("a campanile", "roses " * 30):
        assert VOCABULARY.remarks(text) == VOCABULARY.remarks(text)
        assert torch.equal(VOCABULARY.encode([text]), VOCABULARY.encode([text]))
    assert (VOCABULARY.words, VOCABULARY.ids) == before and torch.equal(state, torch.random.get_rng_state())


# ---- the network ----


def inputs(net: TextUNet, n: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """n noisy pictures, n timesteps and n encoded captions, all different."""
    rows = VOCABULARY.encode(["a rose", "a photo of a tower", "", "water"])[:n]
    return randn((n, *PICTURE), generators(3, n)), torch.tensor([900, 10, 500, 0])[:n], net.encoder(rows)


@torch.no_grad()
@pytest.mark.parametrize("shape", [SHAPE, {"widths": (8, 16)}, {"widths": (16, 8), "depth": 2, "middle": 3}], ids=str)
def test_the_network_keeps_the_shape_and_starts_at_zero(shape):
    net = text_unet(**shape)
    x, t, text = inputs(net)
    assert text.shape == (2, LENGTH, 16)
    assert torch.equal(net(x, t, text), torch.zeros(2, *PICTURE))
    v = lively(net)(x, t, text)
    assert v.shape == (2, *PICTURE) and v.isfinite().all() and v.std() > 0.01


@torch.no_grad()
def test_every_sample_of_a_batch_is_on_its_own(pocket):
    net = pocket.net
    x, t, text = inputs(net, 4)
    together = net(x, t, text)
    for i in range(4):
        alone = net(x[i : i + 1], t[i : i + 1], text[i : i + 1])
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("which", ["timestep", "caption", "picture"])
def test_a_sample_answers_to_its_own_inputs_alone(which, pocket):
    net = pocket.net
    x, t, text = inputs(net)
    changed = [x.clone(), t.clone(), text.clone()]
    place = ["picture", "timestep", "caption"].index(which)
    changed[place][1] = [x[0], t[0], text[0]][place]
    before, after = net(x, t, text), net(*changed)
    torch.testing.assert_close(before[0], after[0], atol=1e-5, rtol=1e-5)
    assert (before[1] - after[1]).abs().max() > 1e-3


@torch.no_grad()
def test_the_order_of_words_matters(pocket):
    """Without positions the network would see a bag of words."""
    x, t, _ = inputs(pocket.net, 1)
    a, b = (pocket.net(x, t, pocket.encode([p])) for p in ("a tower of water", "a water of tower"))
    assert (a - b).abs().max() > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("c, heads, c_context", [(16, 1, None), (64, 2, None), (96, 3, 16)])
def test_attention_is_its_formula(c, heads, c_context):
    layer = lively(Attention(c, c_context)).double()
    x, context = randn((2, 5, c), generators(0, 2)).double(), randn((2, 7, c_context or c), generators(5, 2)).double()
    context = context if c_context else None
    found = layer(x, context).numpy()
    weight = {k: v.numpy() for k, v in layer.state_dict().items()}
    source = (x if context is None else context).numpy()
    q = x.numpy() @ weight["q.weight"].T + weight["q.bias"]
    kv = source @ weight["kv.weight"].T + weight["kv.bias"]
    width = c // heads
    expected = np.zeros_like(q)
    for b in range(2):
        for h in range(heads):
            part = slice(h * width, (h + 1) * width)
            k, v = kv[b, :, part], kv[b, :, c + h * width : c + (h + 1) * width]
            for i in range(5):
                score = np.array([q[b, i, part] @ k_j for k_j in k]) / np.sqrt(width)
                share = np.exp(score - score.max())
                expected[b, i, part] = share / share.sum() @ v
    np.testing.assert_allclose(found, expected @ weight["out.weight"].T + weight["out.bias"], atol=1e-10)


def test_a_timestep_is_told_by_its_cosines_then_its_sines():
    t = (0, 3, 700)
    frequencies = [math.exp(-math.log(1e4) * k / 4) for k in range(4)]
    expected = [[f(k * w) for f in (math.cos, math.sin) for w in frequencies] for k in t]
    torch.testing.assert_close(sinusoid(torch.tensor(t), 8), torch.tensor(expected), atol=1e-4, rtol=0)


@torch.no_grad()
def test_the_network_computes_what_it_did():
    """The weights that ship are right for one computation only, and tests of properties allow for others."""
    net = text_unet().eval()
    source = np.random.RandomState(0)  # of numpy's generators, the one whose numbers never change
    for _, p in sorted(net.named_parameters()):
        p.copy_(torch.from_numpy(source.normal(0, 0.4, p.shape)))
    x = torch.from_numpy(source.normal(size=(2, *PICTURE))).float()
    text = net.encoder(VOCABULARY.encode(["a rose", "a photo of a tower"]))
    found = net(x, torch.tensor([900, 10]), text)[:, :, 20, 45]
    expected = torch.tensor([[-1.886946, 1.127859, -0.19082], [-0.218923, 0.011615, -0.083099]])
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("recipe", [Recipe(), Recipe(depth=2), Recipe(middle=6)], ids=["default", "GPU", "middle"])
def test_the_recipes_keep_to_thirteen_million_weights_and_three_gflop(recipe):
    net = TextUNet(2000, LENGTH, recipe.widths, recipe.text, recipe.depth, recipe.middle)
    assert sum(p.numel() for p in net.parameters()) <= 13e6
    with FlopCounterMode(display=False) as counter:
        net(torch.zeros(1, *PICTURE), torch.zeros(1).long(), torch.zeros(1, LENGTH, recipe.text))
    assert 0.1e9 < counter.get_total_flops() <= 3e9


def test_the_photo_classifier_names_every_photo_on_its_own():
    net = lively(PhotoClassifier(len(KINDS), 8))
    x = randn((3, *PICTURE), generators(0, 3))
    logits = net(x)
    assert logits.shape == (3, 3) and net.features(x).shape == (3, 64)
    torch.testing.assert_close(net.head(net.features(x)), logits)
    torch.testing.assert_close(net(x[1:2]), logits[1:2], atol=1e-5, rtol=1e-5)


# ---- the layout in memory ----


@pytest.mark.parametrize(
    "device, expected",
    [("cpu", torch.channels_last), ("cuda", torch.channels_last), ("mps", torch.contiguous_format)],
)
def test_channels_come_last_but_on_mps(device, expected):
    assert layout(torch.device(device)) == layout(device) == layout(f"{device}:0") == expected


@pytest.mark.parametrize("wanted", [torch.channels_last, torch.contiguous_format], ids=str)
def test_networks_lie_in_memory_as_their_device_wants(wanted, monkeypatch):
    """Whatever they lay like before; the pictures of the pocket come as they do from training, channels last."""
    for module in (contract, network, mnist):
        monkeypatch.setattr(module, "layout", lambda device: wanted)
    for before in (torch.channels_last, torch.contiguous_format):
        made = [tiny_pocket(), mnist.Digits(UNet(4), "ddpm"), mnist.SingleStep(UNet(4))]
        for model in made:
            model.net.to(memory_format=before)
            kernels = [p for p in model.to("cpu").net.parameters() if p.ndim == 4 and min(p.shape) > 1]
            assert len(kernels) > 5 and all(p.is_contiguous(memory_format=wanted) for p in kernels)
        net, seen = made[0].net, []
        net.enter.register_forward_pre_hook(lambda module, args, seen=seen: seen.append(args[0]))
        x, t, text = inputs(net)
        net(x.contiguous(memory_format=before), t, text)
        assert seen[0].is_contiguous(memory_format=wanted)


# ---- the contract ----


def test_pocket_answers_both_ends_of_the_path(pocket):
    g = torch.Generator().manual_seed(0)
    t = torch.cat([torch.tensor([0, 999]), torch.randint(1000, (6,), generator=g)])
    x_t, cond = torch.randn(8, *PICTURE, generator=g), pocket.encode(["a rose", None] * 4)
    p = pocket.predict(x_t, t, cond)
    a = SCHEDULE.alpha_bar[t].sqrt().view(-1, 1, 1, 1)
    s = (1 - SCHEDULE.alpha_bar[t]).sqrt().view(-1, 1, 1, 1)
    assert p.v is None and p.x_0.dtype == p.eps.dtype == torch.float32
    torch.testing.assert_close((a * p.x_0 + s * p.eps).float(), x_t, atol=1e-5, rtol=0)
    torch.testing.assert_close((a * p.eps - s * p.x_0).float(), pocket.net(x_t, t, cond), atol=1e-5, rtol=1e-5)
    assert not p.x_0.requires_grad


def test_pocket_has_the_published_schedule(pocket):
    from diffusers import DDPMScheduler

    theirs = DDPMScheduler(1000, beta_schedule="squaredcos_cap_v2").alphas_cumprod
    torch.testing.assert_close(pocket.schedule.alpha_bar[:-1].float(), theirs, atol=1e-6, rtol=1e-4)
    assert pocket.shape == (3, 64, 64) and pocket.schedule.T == 1000


def test_no_prompt_is_the_empty_caption(pocket):
    none, empty, unknown, rose = pocket.encode([None, "", "xyzzy", "rose"])
    assert torch.equal(none, empty) and torch.equal(none, unknown) and not torch.equal(none, rose)
    assert none.shape == (LENGTH, 16) and none.dtype == torch.float32


class Counted(Technique):
    """Notes the rows of every network call."""

    def __init__(self, inner):
        super().__init__(inner)
        self.rows = []
        inner.net.register_forward_hook(lambda net, args, out: self.rows.append(len(args[0])))


def test_guidance_is_one_network_call_for_both_halves():
    pocket = tiny_pocket()
    counted = Counted(pocket)
    x, t, cond = randn((2, *PICTURE), generators(0, 2)), torch.tensor([800, 300]), pocket.encode(["rose", "water"])
    p = guide(counted, 3.0).predict(x, t, cond)
    assert counted.rows == [4]
    u, c = pocket.predict(x, t, pocket.encode([None, None])), pocket.predict(x, t, cond)
    torch.testing.assert_close(p.eps, u.eps + 3 * (c.eps - u.eps), atol=1e-4, rtol=1e-4)
    assert (c.eps - u.eps).abs().max() > 1e-3


def result(steps) -> torch.Tensor:
    """The last state of a run."""
    *_, last = steps
    return last.x_t


@pytest.mark.slow
def test_a_run_follows_from_its_seed(pocket):
    torch.manual_seed(1)
    first = result(draw(pocket, PROMPTS, 3.0, 4, seed=5))
    torch.manual_seed(2)
    assert torch.equal(first, result(draw(pocket, PROMPTS, 3.0, 4, seed=5)))
    assert (first - result(draw(pocket, PROMPTS, 3.0, 4, seed=6))).abs().max() > 0.1


@pytest.mark.slow
def test_picture_k_of_a_batch_is_the_picture_alone(pocket):
    together = result(draw(pocket, PROMPTS, 3.0, 4, 5))
    for k, prompt in enumerate(PROMPTS):
        alone = result(draw(pocket, [prompt], 3.0, 4, 5 + k))
        torch.testing.assert_close(together[k : k + 1], alone, atol=1e-4, rtol=0)


def test_drawing_is_ddim_on_the_guided_pocket(pocket):
    source = generators(5, 3)
    x = randn((3, *PICTURE), source)
    visits = visits_together([999, 749, 499, 249], 3)
    steps = ddim(clip(guide(pocket, 3.0), -1, 1), x, visits, pocket.encode(PROMPTS))
    torch.testing.assert_close(result(draw(pocket, PROMPTS, 3.0, 4, 5)), result(steps), atol=1e-5, rtol=0)


# ---- the checkpoint, in files ----


def test_files_come_together_in_one_network(folder, pocket):
    assert availability("pocket", folder) == (True, "Ready.")
    loaded, same = load("pocket", "cpu", folder), same_pocket(pocket)
    assert loaded is load("pocket", "cpu", folder) and "pocket" in registry.loaded()
    assert set(weights("pocket", folder)) == set(pocket.net.state_dict())
    assert all(v.dtype == torch.float32 for v in weights("pocket", folder).values())
    x, t, prompts = randn((2, *PICTURE), generators(0, 2)), torch.tensor([900, 100]), ["a rose", None]
    p, q = (m.predict(x, t, m.encode(prompts)) for m in (loaded, same))
    torch.testing.assert_close(p.eps, q.eps, atol=1e-5, rtol=1e-5)
    assert not any(w.requires_grad for w in loaded.net.parameters()) and not loaded.net.training


@pytest.mark.parametrize("i", [1, 2])
def test_a_damaged_file_is_one_sentence(folder, i):
    file = folder / "pocket" / f"weights-{i}-of-2.safetensors"
    content = bytearray(file.read_bytes())
    content[-9] ^= 1
    file.write_bytes(content)
    expected = f"The file {folder.name}/pocket/{file.name} is damaged (its checksum is wrong); get it from the repository again."
    with pytest.raises(ModelError, match=f"^{re.escape(expected)}$"):
        load("pocket", "cpu", folder)


@pytest.mark.parametrize("i", [1, 2])
def test_a_missing_file_is_one_sentence(folder, i):
    file = folder / "pocket" / f"weights-{i}-of-2.safetensors"
    file.unlink()
    sentence = f"The model pocket lacks {file.name}; get {folder.name}/pocket from the repository again."
    assert availability("pocket", folder) == (False, sentence)
    with pytest.raises(ModelError, match=rf"^The file \S+/pocket/{file.name} is missing; get it from .* again\.$"):
        load("pocket", "cpu", folder)


def test_a_missing_card_is_one_sentence_with_the_command_that_trains(folder):
    (folder / "pocket" / "card.json").unlink()
    with pytest.raises(ModelError, match=r"^The model pocket is not in .* python -m training\.train_pocket$") as e:
        load("pocket", "cpu", folder)
    assert availability("pocket", folder) == (False, str(e.value))


HERE = b'"architecture": {}, "sha256": '


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b'{"name": "poc', b"\xff\xfe\x00", b"version https://git-lfs", b"{}", b"[]", b"null", b"3"),
        *(b'{"architecture": {}}', b'{"architecture": [], "sha256": {"a": "b"}}'),
        *(
            b"{" + HERE + files + b"}"
            for files in (b"{}", b'["a"]', b'{"../a": "b"}', b'{"/etc/passwd": "b"}', b'{"..": "b"}')
        ),
    ],
)
def test_a_damaged_card_is_one_sentence(folder, content):
    (folder / "pocket" / "card.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"^The card of pocket is damaged; get .*/pocket from the repository again\.$"):
        load("pocket", "cpu", folder)
    assert not availability("pocket", folder)[0]


def test_a_card_that_does_not_fit_its_weights_is_one_sentence(folder):
    path = folder / "pocket" / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"architecture": {"width": -1}}))
    with pytest.raises(ModelError, match=r"^The card of pocket does not fit its weights; get .* again\.$"):
        load("pocket", "cpu", folder)


@pytest.mark.parametrize("name", ["card.json", "weights-1-of-2.safetensors"])
def test_a_file_that_may_not_be_read_is_one_sentence(folder, name, monkeypatch):
    read = Path.read_bytes

    def refused(self):
        if self.name == name:
            raise PermissionError(13, "Permission denied", str(self))
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", refused)  # the tests may run as root, who may read everything
    with pytest.raises(ModelError, match=rf"^The file \S+/pocket/{name} may not be read; give the app the right .*\.$"):
        load("pocket", "cpu", folder)


# ---- the checkpoint that ships ----


@SHIPPED
def test_the_shipped_pocket_keeps_to_its_size():
    about = card("pocket")
    files = [CHECKPOINTS / "pocket" / name for name in about["sha256"]]
    count = sum(v.numel() for v in weights("pocket").values())
    assert count == about["architecture"]["parameters"] <= 13e6
    assert all(f.stat().st_size < 10e6 for f in files) and sum(f.stat().st_size for f in files) <= 26e6
    assert {f.name for f in (CHECKPOINTS / "pocket").glob("*.safetensors")} == set(about["sha256"])


@SHIPPED
def test_the_shipped_card_tells_where_pocket_comes_from():
    about = card("pocket")
    for word in ("Noto Emoji", "Apache 2.0", "Tiny ImageNet", "research and education"):
        assert word in about["data"]
    for word in ("64x64", "research and teaching", "ImageNet's owners", "DeepFloyd"):
        assert word in about["limits"]
    assert about["command"].split(" -m ")[1].startswith("training.train_pocket ")
    assert about["history"] and all(
        run["steps_done"] > 0 and run["seconds"] > 0 and run["device"] and run["date"] for run in about["history"]
    )
    assert len(about["drawings"]) >= 600 and len(about["photos"]) == 40
    known = Vocabulary(about["architecture"]["words"])
    assert not any(known.unknown(name) for name in (*about["drawings"], *about["photos"]))
    assert set(about["seen_only_in"]) == {"drawing", "photo"}
    assert not any(known.unknown(word) for words in about["seen_only_in"].values() for word in words)
    assert all(re.fullmatch("[0-9a-f]{64}", s) for s in about["sha256"].values())


@SHIPPED
def test_the_shipped_pocket_sees_more_than_noise():
    """It removes more of a little noise than doing nothing would, and its caption matters."""
    pocket = load("pocket", "cpu")
    x_0 = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64)
    eps = randn((1, *PICTURE), generators(0, 1))
    t = torch.tensor([500])
    x_t = SCHEDULE.forward(x_0, t, eps)
    rose, plain = (pocket.predict(x_t, t, pocket.encode([p])) for p in ("an emoji of a rose", "a photo"))
    assert (plain.eps - eps).square().mean() < 0.01 and (rose.eps - plain.eps).abs().max() > 1e-3


def test_checkpoints_hold_no_pickles_and_little_in_all():
    files = [f for f in CHECKPOINTS.rglob("*") if f.is_file()]
    assert sum(f.stat().st_size for f in files) < 120e6
    assert {f.suffix for f in files} <= {".safetensors", ".json", ".md", ".png", ".gif", ".webp"}
    for file in files:
        content = file.read_bytes()
        header = int.from_bytes(content[:8], "little")  # of a safetensors file: the length of its JSON
        assert {
            ".safetensors": header < len(content) and content[8:9] == b"{",
            ".json": content.startswith((b"{", b"[")),
            ".md": content.startswith(b"#"),
            ".png": content.startswith(b"\x89PNG"),
            ".gif": content.startswith(b"GIF8"),
            ".webp": content.startswith(b"RIFF"),
        }[file.suffix], file
        if file.suffix == ".json":
            json.loads(content)
