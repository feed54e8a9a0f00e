"""What a browser is told of every answer, Gradio's own to other sites among them."""

import re

import gradio as gr
import httpx
import pytest

import app
from tabs.ui.headers import A_YEAR, CREDENTIALS, HEADERS

SITE = "http://elsewhere.example"
PREFLIGHT = {"origin": SITE, "access-control-request-method": "POST", "access-control-request-headers": "content-type"}


@pytest.fixture(scope="module")
def http():
    """A client of an app of one handler, served as the page is."""
    with gr.Blocks(analytics_enabled=False) as demo:
        gr.Button().click(lambda: "done", None, gr.Textbox(), api_name="run")
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, _frontend=False, app_kwargs=app.around())
    with httpx.Client(base_url=url, timeout=30) as client:
        yield client
    demo.close()


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {}),
        ("GET", "/config", {"origin": SITE}),
        ("GET", "/nothing", {"origin": SITE}),
        ("OPTIONS", "/gradio_api/upload", PREFLIGHT),
        ("POST", "/gradio_api/component_server", {"origin": SITE}),
    ],
)
def test_every_answer_has_the_headers_and_takes_no_credentials_of_another_site(http, method, path, headers):
    told = http.request(method, path, headers=headers).headers
    assert {name: told.get(name) for name in HEADERS} == HEADERS and CREDENTIALS not in told


def test_what_has_its_contents_in_its_name_is_kept_by_the_browser_and_nothing_else_is(http):
    page = http.get("/")
    scripts = re.findall(r'src="\./(assets/[^"]+\.js)"', page.text)
    assert scripts and all(http.get(f"/{script}").headers["cache-control"] == A_YEAR for script in scripts)
    for path in ("/", "/config", "/assets/none-12345678.js", "/static/img/logo.svg"):
        assert "immutable" not in http.get(path).headers.get("cache-control", ""), path


def test_another_site_may_call_the_app_without_credentials(http):
    there = {"host": "somebody-app.hf.space"}
    asked = http.options("/gradio_api/call/run", headers=PREFLIGHT | there)
    assert (
        asked.headers["access-control-allow-origin"] == SITE and "POST" in asked.headers["access-control-allow-methods"]
    )
    answer = http.post("/gradio_api/call/run", json={"data": []}, headers={"origin": SITE} | there)
    assert answer.json()["event_id"] and answer.headers["access-control-allow-origin"] == SITE


def test_the_page_takes_everything_from_this_app_and_may_be_framed_by_anybody(http):
    policy = dict(part.split(" ", 1) for part in http.get("/").headers["content-security-policy"].split("; "))
    assert (policy["default-src"], policy["object-src"]) == ("'self'", "'none'")
    assert not {word for where in policy.values() for word in where.split()} & {"*", "http:", "https:"}
    assert "frame-ancestors" not in policy
