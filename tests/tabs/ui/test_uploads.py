"""How much a page and an address may upload."""

import gradio as gr
import httpx
import pytest
from PIL import Image
from playwright.sync_api import expect

import app
from tabs.ui import uploads
from tabs.ui.inputs import Picture
from tabs.ui.theme import look
from tabs.ui.uploads import Uploads

MB = 1_000_000


@pytest.fixture
def site(monkeypatch):
    """An app that takes pictures, served as the page is, in which a page may send 5 MB an hour and an address 40 MB."""
    monkeypatch.setattr(uploads, "PAGE", 5 * MB)
    monkeypatch.setattr(uploads, "ADDRESS", 40 * MB)
    with gr.Blocks(analytics_enabled=False) as demo:
        Picture(type="pil", elem_id="picture")
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, _frontend=False, app_kwargs=app.around(), **look())
    yield url
    demo.close()


def upload(site: str, megabytes: float, page: str | None = None) -> httpx.Response:
    """Send a file as a page does, or a program without a page."""
    files = {"files": ("a.png", b"0" * int(megabytes * MB))}
    return httpx.post(f"{site}gradio_api/upload", files=files, headers={"x-page": page} if page else {}, timeout=30)


def test_a_page_may_send_so_much_and_is_then_told_in_one_sentence(site):
    assert [upload(site, 2, "one").status_code for _ in range(3)] == [200, 200, 413]
    told = upload(site, 2, "one").text
    assert told.startswith("One page may upload 5 MB an hour; this file goes beyond that. Try again in 60 min")
    assert upload(site, 0.5, "one").status_code == upload(site, 2, "another").status_code == 200


def test_programs_of_one_address_count_as_one_page(site):
    assert [upload(site, 2).status_code for _ in range(3)] == [200, 200, 413]


def test_a_class_behind_one_address_is_not_refused_and_made_up_pages_end_somewhere(site):
    assert {upload(site, 0.3, f"student {k}").status_code for k in range(100)} == {200}
    assert [upload(site, 4, f"made up {k}").status_code for k in range(3)] == [200, 200, 413]
    assert "One network may upload 40 MB" in upload(site, 4, "made up").text


def test_after_an_hour_a_page_may_send_again(monkeypatch):
    now, limits = 1000.0, Uploads(None)
    monkeypatch.setattr(uploads.time, "monotonic", lambda: now)
    scope = {"type": "http", "client": ("10.0.0.1", 5), "headers": [(b"content-length", b"59000000")]}
    assert limits.refusal(scope) is None and limits.refusal(scope).status_code == 413
    now += uploads.HOUR
    assert limits.refusal(scope) is None


def test_an_upload_without_a_length_is_refused(site):
    body = (part for part in [b"--x--"])
    kind = {"content-type": "multipart/form-data; boundary=x"}
    assert httpx.post(f"{site}gradio_api/upload", content=body, headers=kind).status_code == 411


def test_the_page_says_that_it_has_sent_too_much_and_another_page_may_go_on(site, browser, tmp_path):
    large = tmp_path / "large.bmp"
    Image.new("RGB", (1100, 1000)).save(large)  # 3.3 MB
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(site)
        page.locator("#picture input[type=file]").set_input_files(large)
        shown = page.locator("#picture img")
        shown.wait_for()
        page.get_by_label("Clear").or_(page.get_by_label("Remove Image")).first.click()
        page.locator("#picture input[type=file]").set_input_files(large)
        expect(page.get_by_text("One page may upload 5 MB an hour")).to_be_visible()
        page.reload()
        page.locator("#picture input[type=file]").set_input_files(large)
        shown.wait_for()
