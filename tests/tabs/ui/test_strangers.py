"""What programs send that fits nothing, over HTTP."""

import io
import json

import gradio as gr
import httpx
import pytest
from PIL import Image

import app
from tabs.ui.failures import UNFIT, check_inputs
from tabs.ui.inputs import Picture
from tabs.ui.saved import settings_input
from tabs.ui.sent import any_file
from tabs.ui.strangers import NOTHING

FILE = {"_type": "gradio.FileData"}


@pytest.fixture(scope="module")
def http():
    """A client of an app that takes a picture and a saved PNG, served as the page is."""
    with gr.Blocks(analytics_enabled=False) as demo:
        mask = any_file(gr.UploadButton(file_types=["image"]))
        for name, component in (("look", Picture(type="pil")), ("restore", settings_input()), ("mask", mask)):
            gr.Button().click(lambda value: "done", component, gr.Textbox(), api_name=name)
    demo = check_inputs(demo.queue(api_open=False))
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, _frontend=False, app_kwargs=app.around())
    with httpx.Client(base_url=f"{url}gradio_api/", timeout=30) as client:
        yield client
    demo.close()


def told(http: httpx.Client, name: str, *values) -> str:
    """What a call is answered in the end."""
    event = http.post(f"call/{name}", json={"data": values}).json()["event_id"]
    stream = http.get(f"call/{name}/{event}").text
    assert stream.startswith("event: error"), stream
    return json.loads(stream.split("data: ", 1)[1])["error"]


@pytest.fixture
def one_line(caplog, capfd):
    """The test leaves one line in the log and no traceback anywhere."""
    yield
    (line,) = caplog.get_records("call")
    assert line.name.startswith("tabs.") and "\n" not in line.getMessage() and not line.exc_info
    assert "Traceback" not in "".join(capfd.readouterr())


@pytest.mark.usefixtures("one_line")
@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("call/nothing", {"data": []}, 404),
        ("call/v2/nothing", {}, 404),
        ("call/v2/look", {"no_such_parameter": 1}, 400),
        ("queue/join", {"data": [], "fn_index": 99_999, "session_hash": "a"}, 404),
        ("run/predict", {"data": [], "fn_index": -1, "session_hash": "a"}, 404),
    ],
)
def test_what_fits_nothing_is_4xx_and_a_sentence(http, path, body, status):
    answer = http.post(path, json=body)
    assert (answer.status_code, answer.json()["detail"]) == (status, NOTHING if status == 404 else UNFIT)


@pytest.mark.usefixtures("one_line")
def test_an_upload_of_no_file_is_a_sentence(http):
    answer = http.post("upload", files={"files": (None, "words")})
    assert (answer.status_code, answer.json()["detail"]) == (400, UNFIT)


@pytest.mark.usefixtures("one_line")
def test_a_stream_that_is_not_there_leaves_one_line(http):
    assert "404" in http.get("call/look/nothing").text


@pytest.mark.usefixtures("one_line")
@pytest.mark.parametrize("name", ["look", "restore"])
@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../secret", "", "http://127.0.0.1:1/a.png", "https://a.invalid/a.png"]
)
def test_a_path_or_an_address_instead_of_a_file_is_one_sentence(http, name, path):
    assert told(http, name, {"path": path, "meta": FILE}) == UNFIT


@pytest.mark.parametrize(
    ("name", "file", "sentence"),
    [
        ("restore", "photo.jpg", "This file is not a PNG; choose one."),
        ("mask", "notes.txt", "This file is not a picture; choose one."),
    ],
)
def test_a_file_of_another_kind_is_one_sentence_and_no_line(http, caplog, capfd, name, file, sentence):
    made = io.BytesIO()
    Image.new("RGB", (64, 64)).save(made, "JPEG")
    (path,) = http.post("upload", files={"files": (file, made.getvalue())}).json()
    assert told(http, name, {"path": path, "meta": FILE}) == sentence
    assert not caplog.records and "Traceback" not in "".join(capfd.readouterr())
