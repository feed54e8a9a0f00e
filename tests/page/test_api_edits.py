"""SDEdit and inpainting as a program calls them: streaming, results, and bad input answered in one sentence."""

import base64
import io
import json

import numpy as np
import pytest
from calling import raw
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from core.models.registry import availability
from core.pictures import images
from core.pictures.scenes import mountains
from core.runs.inpainting import InpaintRequest
from core.runs.sdedit import SDEditRequest

pytestmark = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")

LADDER = {
    "prompt": "an emoji of a rose",
    "guidance": 1,
    "starts": "30, 32",
    "n": 1,
    "prompts": "a rose\na lion",
    "model": "pocket",
    "sampler": "ddim",
    "seed": 7,
    "device": "cpu",
}
HOLE = {
    "prompt": "an emoji of a rose",
    "guidance": 1,
    "n": 1,
    "steps": 3,
    "jump_n": 1,
    "jump_length": 1,
    "below": 1000,
    "feather": 0,
    "model": "pocket",
    "seed": 7,
    "device": "cpu",
}


def sent(folder, name: str, picture: Image.Image):
    """A picture as a client sends it."""
    picture.save(folder / f"{name}.png")
    return handle_file(str(folder / f"{name}.png"))


def layer(box=(128, 128, 384, 384), size=512) -> Image.Image:
    """A painted layer: opaque in the box."""
    alpha = np.zeros((size, size, 4), np.uint8)
    alpha[box[1] : box[3], box[0] : box[2]] = (255, 45, 149, 255)
    return Image.fromarray(alpha)


@pytest.fixture
def canvas(tmp_path):
    """A function: an editor's answer with the mountains and these layers."""
    photo = sent(tmp_path, "photo", mountains())
    return lambda *layers: {
        "background": photo,
        "layers": [sent(tmp_path, f"layer-{k}", p) for k, p in enumerate(layers)],
        "composite": None,
    }


def cells(value: dict, columns: int) -> np.ndarray:
    """The last frame's first picture as (rows, columns, 64, 64, 3)."""
    data = base64.b64decode(value["frames"][-1]["images"][0].partition(",")[2])
    sheet = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=int)
    return sheet.reshape(-1, 64, columns, 64, 3).swapaxes(1, 2)


def test_the_ladder_streams_and_ends_with_the_original(client, canvas):
    values = list(client.submit(canvas(), **LADDER | {"starts": "1, 20"}, api_name="/sdedit_ladder"))
    last = values[-1]
    assert values[0]["running"] and not last["running"] and len(last["frames"]) == 34
    assert last["grid"]["across"] == ["i = 1 · t = 960", "i = 20 · t = 390", "original"]
    assert "an emoji of a rose" in last["caption"] and "seed 7" in last["caption"]
    original = np.asarray(images.square(mountains(), 64), dtype=int)
    far, near, same = (np.abs(c - original).mean() for c in cells(last, 3)[0])
    assert same < 6 and same < near < far


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("sdedit_with_and_without", ["no prompt", "an emoji of a rose"]),
        ("sdedit_several_prompts", ["a rose", "a lion"]),
    ],
)
def test_ladder_experiments_are_labelled_rows(client, canvas, name, labels):
    value = client.predict(canvas(), **LADDER, api_name=f"/{name}")
    assert value["grid"]["down"] == labels and value["grid"]["count"] == 6


def test_up_to_three_pictures_are_rows(client, canvas):
    value = client.predict(canvas(), canvas(), None, **LADDER, api_name="/sdedit_several_pictures")
    assert value["grid"]["down"] == ["picture 1", "picture 2"] and value["grid"]["count"] == 6
    with pytest.raises(Exception, match="Put a second picture on a sheet"):
        client.predict(canvas(), None, None, **LADDER, api_name="/sdedit_several_pictures")


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"starts": "a, b"}, "Every start i must be a whole number from 0 to 33"),
        ({"starts": "34"}, "Every start i"),
        ({"starts": 3}, "Give 1 to 8 starts"),
        ({"prompt": 5}, "prompt must be text"),
        ({"guidance": "x"}, "guidance must be a number"),
        ({"n": 9}, "number of seeds"),
        ({"sampler": "euler"}, "sampler must be one of"),
        ({"seed": 2**40}, "seed must be a whole number"),
        ({"model": "flow-class"}, "does not draw from a prompt"),
        ({"device": "tpu"}, "device must be one of"),
    ],
)
def test_bad_ladders_get_one_sentence(client, canvas, bad, sentence):
    with pytest.raises(AppError, match=sentence) as error:
        client.predict(canvas(), **LADDER | bad, api_name="/sdedit_ladder")
    assert "Traceback" not in str(error.value)


EMPTY = {"background": None, "layers": [], "composite": None}


@pytest.mark.parametrize("nothing", [None, EMPTY, "a picture", 7, [1], {"background": 5}, {"id": "gone"}])
@pytest.mark.parametrize(("name", "values"), [("sdedit_ladder", LADDER), ("inpaint_fill", HOLE)])
def test_no_picture(server, name, values, nothing):
    answer = raw(server, name, json.dumps({"data": [nothing, *values.values()]}))
    assert "There is no picture yet" in answer


def test_nan_over_http(server):
    for name, values in (("sdedit_ladder", LADDER), ("inpaint_fill", HOLE)):
        data = [v if k != "guidance" else float("nan") for k, v in values.items()]
        assert "The guidance must be a number from 0 to 20." in raw(server, name, json.dumps({"data": [EMPTY, *data]}))


def test_a_hole_is_filled_and_the_rest_stays(client, canvas):
    values = list(client.submit(canvas(layer()), **HOLE, api_name="/inpaint_fill"))
    last = values[-1]
    assert not last["running"] and len(last["frames"]) == 4 and "3 network calls" in last["caption"]
    original, mask, hole, _, result = cells(last, 5)[0]
    inside = mask.mean(-1) > 128
    assert inside[16:48, 16:48].all() and inside.sum() == 32 * 32
    gap = np.abs(result - original).mean(-1)
    assert gap[~inside].mean() < 5 < gap[inside].mean(), "the preview is WebP, so nearly equal"
    assert np.abs(hole - original).mean(-1)[~inside].mean() < 5


@pytest.mark.parametrize(
    ("name", "labels"),
    [("inpaint_once_and_often", ["n = 1", "n = 5"]), ("inpaint_two_pastes", ["RePaint", "clean paste"])],
)
def test_filling_experiments_are_labelled_rows(client, canvas, name, labels):
    value = client.predict(canvas(layer()), **HOLE, api_name=f"/{name}")
    assert value["grid"]["down"] == labels and cells(value, 5).shape[0] == 2


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        ([], "The mask is empty"),
        ([layer((0, 0, 0, 0))], "The mask is empty"),
        ([layer((0, 0, 512, 512))], "covers everything"),
        ([layer(), layer((10, 10, 50, 50), 100)], "same size"),
    ],
)
def test_bad_masks_get_one_sentence(client, canvas, layers, sentence):
    with pytest.raises(AppError, match=sentence):
        client.predict(canvas(*layers), **HOLE, api_name="/inpaint_fill")


def test_a_picture_and_its_mask_are_sent_as_files(client, tmp_path):
    picture, mask = (
        sent(tmp_path, "photo", mountains()),
        sent(tmp_path, "mask", Image.fromarray(np.array(layer())[..., 3])),
    )
    value = client.predict({"picture": picture, "mask": mask}, **HOLE | {"steps": 1}, api_name="/inpaint_fill")
    original, used = cells(value, 5)[0, :2]
    inside = used.mean(-1) > 128
    assert inside[16:48, 16:48].all() and inside.sum() == 32 * 32
    assert np.abs(original - np.asarray(images.square(mountains(), 64), dtype=int)).mean() < 6


def test_a_picture_is_sent_as_a_file(client, tmp_path):
    value = client.predict(sent(tmp_path, "photo", mountains()), **LADDER, api_name="/sdedit_ladder")
    assert np.abs(cells(value, 3)[0, 2] - np.asarray(images.square(mountains(), 64), dtype=int)).mean() < 6


def test_a_mask_of_another_size_is_taken(client, canvas):
    value = client.predict(canvas(layer((25, 25, 75, 75), 100)), **HOLE | {"steps": 1}, api_name="/inpaint_fill")
    inside = cells(value, 5)[0, 1].mean(-1) > 128
    assert 31**2 <= inside.sum() <= 34**2


def test_a_picture_that_is_not_square_and_its_mask_are_cut_alike(client, canvas, tmp_path):
    wide = Image.new("RGBA", (512, 512))
    wide.paste(mountains().resize((512, 300)), (0, 106))
    editor = canvas(layer((212, 212, 300, 300))) | {"background": sent(tmp_path, "wide", wide)}
    value = client.predict(editor, **HOLE | {"steps": 1}, api_name="/inpaint_fill")
    original, mask = cells(value, 5)[0, :2]
    assert original[0].max() < 254, "no margin is left"
    assert abs(np.sqrt((mask.mean(-1) > 128).sum()) - 88 * 64 / 300) < 1.5


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"steps": 251}, "number of steps must be a whole number from 1 to 250"),
        ({"jump_n": 0}, "number of passes n"),
        ({"jump_length": "long"}, "jump length must be"),
        ({"below": -1}, "where resampling starts"),
        ({"feather": 1.5}, "feather must be a whole number"),
        ({"prompt": {}}, "prompt must be text"),
        ({"seed": None}, "seed must be a whole number"),
        ({"model": []}, "There is no model called"),
    ],
)
def test_bad_fillings_get_one_sentence(client, canvas, bad, sentence):
    with pytest.raises(AppError, match=sentence):
        client.predict(canvas(layer()), **HOLE | bad, api_name="/inpaint_fill")


def test_a_mask_is_uploaded(client, canvas, tmp_path):
    half = Image.new("L", (100, 100))
    half.paste(255, (0, 0, 100, 50))
    half.save(tmp_path / "mask.png")
    value = client.predict(canvas(), handle_file(str(tmp_path / "mask.png")), api_name="/upload_mask")
    painted = opened(value["mask"])
    assert painted[:32].all() and not painted[32:].any()
    last = client.predict(value, **HOLE | {"steps": 1}, api_name="/inpaint_fill")
    mask = cells(last, 5)[0, 1].mean(-1) > 128
    assert mask[:32].all() and not mask[32:].any(), "what the app gives it takes"
    (tmp_path / "mask.txt.png").write_text("no picture")
    with pytest.raises(AppError, match="not a picture"):
        client.predict(canvas(), handle_file(str(tmp_path / "mask.txt.png")), api_name="/upload_mask")


def saved(folder, settings: dict):
    """A saved picture with these settings, as a client sends it."""
    (folder / "saved.png").write_bytes(images.png(np.zeros((8, 8, 3), np.uint8), settings))
    return handle_file(str(folder / "saved.png"))


ORIGINAL = np.asarray(images.square(mountains(), 64))


def opened(uri: str) -> np.ndarray:
    """The pixels of a data URI."""
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as picture:
        return np.asarray(picture)


def test_a_saved_ladder_restores_picture_and_settings(client, tmp_path):
    settings = SDEditRequest(prompt="a lion", starts="2, 4", seed=9).settings() | {"original": images.packed(ORIGINAL)}
    value, prompt, _, starts, *_, seed, _, _ = client.predict(saved(tmp_path, settings), api_name="/restore_sdedit")
    assert (prompt, starts, seed) == ("a lion", "2, 4", 9)
    assert np.array_equal(opened(value["picture"]), ORIGINAL), "the very pixels come back"


def test_a_saved_filling_restores_picture_mask_and_settings(client, tmp_path):
    mask = np.zeros((64, 64, 1), np.uint8)
    mask[10:20, 30:50] = 255
    settings = InpaintRequest(jump_n=4, feather=2).settings() | {
        "original": images.packed(ORIGINAL),
        "mask": images.packed(mask),
    }
    value, _, _, _, _, jump_n, _, _, feather, *_ = client.predict(
        saved(tmp_path, settings), api_name="/restore_inpainting"
    )
    assert (jump_n, feather) == (4, 2)
    assert np.array_equal(opened(value["mask"]), mask[..., 0])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "holds no settings of this tab"),
        (InpaintRequest().settings(), "holds no settings of this tab"),
        (SDEditRequest().settings(), "no original that can be read"),
        (SDEditRequest().settings() | {"original": "data:image/png;base64,AAAA"}, "no original that can be read"),
        (SDEditRequest().settings() | {"original": {}}, "no original that can be read"),
        (SDEditRequest(starts="99").settings(), "Every start i"),
    ],
)
def test_pictures_that_restore_nothing(client, tmp_path, settings, sentence):
    with pytest.raises(AppError, match=sentence):
        client.predict(saved(tmp_path, settings), api_name="/restore_sdedit")
