"""The page is rendered once for an address."""

import asyncio

import httpx
import pytest
from calling import finished
from starlette.responses import PlainTextResponse

from tabs.ui.page_cache import PAGES, PageCache


class Pages:
    """A site that counts what it renders."""

    def __init__(self, **headers: str):
        self.rendered, self.headers, self.status = 0, headers, 200

    async def __call__(self, scope, receive, send):
        self.rendered += 1
        await asyncio.sleep(0.01)
        answer = PlainTextResponse(f"page {self.rendered}", self.status, headers=self.headers)
        await answer(scope, receive, send)


def got(site: Pages, *asked: tuple[str, dict]) -> list[str]:
    """The texts of requests made together, each an address and headers."""

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(PageCache(site)), base_url="http://here") as http:
            answers = await asyncio.gather(*(http.get(url, headers=headers) for url, headers in asked))
            return [a.text for a in answers]

    return finished(ask())


def test_who_opens_the_page_together_gets_one_rendering_whatever_the_tab():
    site = Pages()
    assert got(site, ("/", {}), ("/?tab=mnist", {}), ("/?tab=sdedit&preset=apple", {})) == ["page 1"] * 3


@pytest.mark.parametrize(
    "other",
    [
        ("/", {"host": "there"}),
        ("/", {"x-forwarded-host": "there"}),
        ("/", {"x-forwarded-proto": "https"}),
        ("/", {"accept-encoding": "identity"}),
        ("/", {"origin": "http://there"}),
        ("/?deep_link=1", {}),
        ("/?page=x", {}),
        ("/config", {}),
    ],
)
def test_whatever_the_page_depends_on_is_rendered_anew(other):
    site = Pages()
    assert got(site, ("/", {})) == ["page 1"] and got(site, ("/", {}), other)[1] == "page 3"


@pytest.mark.parametrize(("status", "headers"), [(500, {}), (307, {}), (200, {"set-cookie": "who=me"})])
def test_no_failure_and_nobody_s_own_page_is_kept(status, headers):
    site = Pages(**headers)
    site.status = status
    assert got(site, ("/", {}), ("/", {})) == ["page 1", "page 2"]


def test_a_guest_who_makes_up_addresses_fills_no_memory():
    site = Pages()
    cache = PageCache(site)

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(cache), base_url="http://here") as http:
            for k in range(3 * PAGES):
                await http.get("/", headers={"host": f"host{k}"})

    finished(ask())
    assert len(cache.pages) == PAGES
