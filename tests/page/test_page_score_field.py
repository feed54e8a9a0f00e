"""The score field in headless Chromium: presets, drawing, training, sampling, the pointer, leaving, two people at once."""

import io
import re

import numpy as np
import pytest
from calling import free_port
from drawing import until
from PIL import Image
from playwright.sync_api import expect
from visits import visitors

from core.runs.point_training import TRAININGS
from tabs.score_field.page import build
from tabs.score_field.presets import PRESETS
from tabs.ui.page import alone
from tabs.ui.theme import look

VIEW = "#score-field-view"
SHEETS, RANGE, LABEL, TOLD = (f"{VIEW} {part}" for part in (".plane-sheet", ".fv-range", ".fv-label", ".plane-told"))
STATUS, CAPTION = f"{VIEW} .fv-text", f"{VIEW} .fv-caption"
PANELS = {"Score of two rings": 1, "Samplers, one noise": 4, "Langevin loses weights": 2, "Straight paths": 2,
          "Quality on a checkerboard": 3, "Guides on a tree": 4}  # fmt: skip


@pytest.fixture(scope="module")
def address():
    """Where the tab alone answers, in this process."""
    page = alone("Score field", build).queue()
    _, url, _ = page.launch(server_port=free_port(), prevent_thread_lock=True, quiet=True, _frontend=False, **look())
    yield url
    page.close()


@pytest.fixture
def visit(browser, address):
    """Opens a page for each person, whose first view is there."""
    with visitors(browser, address) as person:

        def opened():
            page = person()
            expect(page.locator(CAPTION)).to_have_text(re.compile("two moons"))
            return page

        yield opened


def pixels(page) -> np.ndarray:
    """The first panel as it is on the screen."""
    page.locator(SHEETS).first.scroll_into_view_if_needed()
    with Image.open(io.BytesIO(page.locator(SHEETS).first.screenshot())) as shot:
        return np.asarray(shot.convert("RGB"), int)


def place(page, selector: str, x: float, y: float) -> tuple[float, float]:
    """Where (x, y) of [-3, 3] x [-3, 3] stands on the screen."""
    page.locator(selector).first.scroll_into_view_if_needed()
    box = page.locator(selector).first.bounding_box()
    return box["x"] + box["width"] * (x + 3) / 6, box["y"] + box["height"] * (3 - y) / 6


def open_view(page, name: str):
    """Open a sub-tab."""
    page.locator("#score-field-views").get_by_role("tab", name=name, exact=True).click()


def choose_points(page, title: str):
    """Choose the data."""
    page.get_by_label("Points", exact=True).click()
    page.get_by_role("option", name=title, exact=True).click()


def draw(page, *places: tuple[float, float]):
    """A stroke on the sheet."""
    spots = [place(page, ".draw-sheet", *p) for p in places]
    page.mouse.move(*spots[0])
    page.mouse.down()
    for spot in spots[1:]:
        page.mouse.move(*spot, steps=10)
    page.mouse.up()


def frames(page) -> int:
    """How many frames the slider has."""
    return int(page.locator(RANGE).get_attribute("max")) + 1


def toasts(page):
    return page.locator("[data-testid=toast-body]")


def train(page, updates: int = 30):
    """Press Start and wait for that many updates; their status is on the page."""
    open_view(page, "Train")
    page.locator("#score-field-train").click()
    shown = page.locator(STATUS)
    until(page, lambda: updates_of(shown.inner_text()) >= updates, f"update {updates}")


def updates_of(status: str) -> int:
    """The updates that a status tells."""
    found = re.search(r"(?:update )?([\d,]+)(?: of| updates)", status)
    return int(found[1].replace(",", "")) if found else -1


@pytest.mark.parametrize("name", PANELS)
def test_a_preset_runs_and_shows_its_own_figure(visit, name):
    page = visit()
    before = page.locator(CAPTION).inner_text()
    page.get_by_role("button", name=name, exact=True).click()
    view, request = PRESETS[name]
    expect(page.locator(CAPTION)).to_have_text(re.compile(re.escape(request.about)))
    expect(page.locator(STATUS)).to_have_text("")  # neither "Press ..." of the view that opens, nor a run under way
    expect(page.locator(SHEETS)).to_have_count(PANELS[name])
    expect(page.locator(CAPTION)).to_have_text(re.compile(re.escape(request.about)))
    expect(page.locator(f"{VIEW} .fv-running")).to_have_count(0)
    expect(page.locator(f"{VIEW}[data-stale]")).to_have_count(0)
    expect(page.locator(f"{VIEW} .plane-chart")).to_have_count(int(view == "quality"))
    assert page.locator(CAPTION).inner_text() != before
    assert pixels(page).std() > 5, "nothing is drawn"
    if frames(page) > 1:
        page.locator(RANGE).fill("0")
        start = pixels(page)
        page.locator(RANGE).fill(str(frames(page) - 1))
        assert np.abs(pixels(page) - start).max() > 100
    expect(toasts(page)).to_have_count(0)


def test_what_is_drawn_is_what_forward_shows(visit):
    page = visit()
    choose_points(page, "your own points")
    page.locator(".draw-sheet").wait_for()
    draw(page, (-2, 1.5), (-1, 1.5))
    page.get_by_role("radio", name="class B").click()
    draw(page, (1, -1.5), (2, -1.5))
    expect(page.locator(CAPTION)).to_have_text(re.compile("your own points"))
    expect(page.locator(f"{VIEW}[data-stale]")).to_have_count(0)
    page.locator(RANGE).fill("0")
    for x, y, there in ((-1.5, 1.5, True), (1.5, -1.5, True), (1.5, 1.5, False), (-1.5, -1.5, False)):
        page.mouse.move(*place(page, SHEETS, x, y))
        told = page.locator(TOLD).first
        expect(told).to_have_text(re.compile("^point" if there else r"^\("))
    page.locator(RANGE).fill("24")
    expect(page.locator(LABEL)).to_have_text(re.compile("^t = 999 "))


def test_own_points_are_asked_for_before_any_is_drawn(visit):
    page = visit()
    for view in ("Forward", "Sample", "Train"):
        open_view(page, view)
        choose_points(page, "your own points")
        expect(page.locator(CAPTION)).to_have_text(re.compile("^Draw your points on the sheet"))
        expect(page.locator(SHEETS)).to_have_count(1)
        choose_points(page, "two moons")
        page.wait_for_timeout(500)
    expect(toasts(page)).to_have_count(0)


def test_a_refused_input_asks_for_another_one_and_not_for_a_button(visit):
    page = visit()
    choose_points(page, "a word")
    expect(page.locator(CAPTION)).to_have_text(re.compile("a word|“"))
    word = page.locator("label", has_text="Its letters become points").locator("input, textarea")
    word.fill("Über")
    word.press("Tab")
    expect(toasts(page)).to_contain_text("has no")
    expect(page.locator(VIEW)).to_have_attribute("data-stale", "refused")
    word.fill("Uber")
    word.press("Tab")
    expect(page.locator(VIEW)).not_to_have_attribute("data-stale", re.compile("."))


def test_the_pointer_is_told_the_score(visit):
    """At t = 999 nearly all is noise, whose score at (x, y) is (-x, -y)."""
    page = visit()
    open_view(page, "Score")
    expect(page.locator(CAPTION)).to_have_text(re.compile("score = grad log"))
    page.locator(RANGE).fill("24")
    page.mouse.move(*place(page, SHEETS, 1.95, -1.05))
    expect(page.locator(TOLD).first).to_have_text(re.compile("vector"))
    told = page.locator(TOLD).first.inner_text().replace("−", "-")
    found = re.search(r"vector \(([^,]+), ([^)]+)\), length", told)
    assert np.allclose([float(found[1]), float(found[2])], [-1.95, 1.05], atol=0.03)


def test_train_pause_scrub_and_sample_with_the_trained_network(visit):
    page = visit()
    train(page, 100)
    assert frames(page) == 1
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator(STATUS)).to_have_text(re.compile("updates in .* now serves the other views"))
    assert frames(page) > 2
    page.wait_for_timeout(1500)
    updates = updates_of(page.locator(STATUS).inner_text())
    expect(page.locator(LABEL)).to_have_text(f"update {updates:,}")
    page.locator(RANGE).fill("0")
    expect(page.locator(LABEL)).to_have_text("update 0")
    page.locator("#score-field-train").click()  # it goes on from where it was
    until(page, lambda: updates_of(page.locator(STATUS).inner_text()) > updates, "more updates")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator(STATUS)).to_have_text(re.compile("now serves the other views"))
    open_view(page, "Score")
    expect(page.locator(SHEETS)).to_have_count(3)
    open_view(page, "Sample")
    page.get_by_label("trained here").check()
    page.get_by_label("annealed Langevin", exact=True).uncheck()
    page.locator("#score-field-sample").click()
    expect(page.locator(SHEETS)).to_have_count(3)
    expect(page.locator(CAPTION)).to_have_text(re.compile("trained here; 600 points"))
    expect(page.locator(f"{VIEW} .fv-running")).to_have_count(0)
    expect(toasts(page)).to_have_count(0)


def test_train_opened_again_shows_the_training_so_far(visit):
    page = visit()
    open_view(page, "Train")
    expect(page.locator(STATUS)).to_have_text("Press Start.")
    train(page, 60)
    open_view(page, "Sample")
    expect(page.locator(STATUS)).to_have_text("Press Sample.")
    open_view(page, "Train")
    expect(page.locator(STATUS)).to_have_text(re.compile("updates in .* now serves the other views"))
    expect(page.locator(f"{VIEW} .plane-chart")).to_have_count(2)
    assert frames(page) > 1


def test_start_takes_over_from_slowly(visit):
    page = visit()
    open_view(page, "Train")
    page.locator("#score-field-train_slowly").click()
    until(page, lambda: updates_of(page.locator(STATUS).inner_text()) >= 2, "slow updates")
    page.locator("#score-field-train").click()
    until(page, lambda: updates_of(page.locator(STATUS).inner_text()) >= 120, "quick updates")
    expect(toasts(page)).to_have_count(0)


def test_a_saved_picture_opens_the_view_it_was_taken_in(visit, tmp_path):
    page = visit()
    page.get_by_role("button", name="Straight paths", exact=True).click()
    expect(page.locator(CAPTION)).to_have_text(re.compile("from one noise"))
    expect(page.locator(f"{VIEW} .fv-running")).to_have_count(0)
    with page.expect_download() as saved:
        page.locator(f"{VIEW} .plane-png").click()
    saved.value.save_as(tmp_path / "p.png")
    other = visit()
    other.get_by_role("button", name="Settings from a saved picture").click()
    other.locator(".saved-png input[type=file]").set_input_files(tmp_path / "p.png")
    expect(other.locator("#score-field-views").get_by_role("tab", name="Sample", exact=True)).to_have_attribute(
        "aria-selected", "true"
    )
    expect(other.locator(STATUS)).to_have_text("Press Sample.")
    expect(other.locator(SHEETS)).to_have_count(2)
    expect(other.locator(CAPTION)).to_have_text(re.compile("flow matching"))


OF_VIEW = {"Forward": (), "Score": (), "Sample": ("Heun",), "Guide": ("autoguidance",), "Train": ("the noise eps",)}
"""View -> a box or radio button that it has besides what all have."""


@pytest.mark.parametrize("view", OF_VIEW)
def test_every_input_marks_the_figure_until_it_is_drawn_anew(visit, view):
    page = visit()
    open_view(page, view)
    figure, stale = page.locator(VIEW), re.compile("changed|pressed")
    follows = view in ("Forward", "Score")
    if not follows:
        expect(page.locator(STATUS)).to_have_text(re.compile("^Press "))
    page.evaluate(
        """(id) => { const figure = document.querySelector(id); window.marks = 0;
        new MutationObserver(() => { if (figure.dataset.stale) marks += 1; }).observe(figure, {attributes: true, attributeFilter: ['data-stale']}); }""",
        VIEW,
    )  # a view that follows is marked for a moment only

    def marked(how):
        before = page.evaluate("marks")
        how()
        page.wait_for_function("(before) => marks > before", arg=before)
        if follows:
            expect(figure).not_to_have_attribute("data-stale", stale)
        else:
            expect(figure).to_have_attribute("data-stale", "changed")
            page.evaluate("(id) => { delete document.querySelector(id).dataset.stale; }", VIEW)

    def typed(label: str, value: str):
        fields = page.locator("input, textarea")  # no option of a list that is still closing
        field = page.get_by_label(label).and_(fields).locator("visible=true").first
        field.fill(value)
        field.press("Tab")

    marked(lambda: choose_points(page, "Gaussians"))
    for label, value in (
        ("number input for Gaussians", "3"),
        ("number input for Points drawn", "100"),
        ("number input for Steps", "2"),
        ("Seed", "5"),
    ):
        marked(lambda label=label, value=value: typed(label, value))
    for name in OF_VIEW[view]:
        box = page.get_by_label(name, exact=True).locator("visible=true").first
        marked(lambda box=box: box.set_checked(box.get_attribute("type") == "radio" or not box.is_checked()))
    marked(lambda: choose_points(page, "a word"))
    marked(lambda: typed("Word", "A"))
    if not follows:
        marked(lambda: typed("Seed", "6"))
        page.evaluate("(id) => { document.querySelector(id).dataset.stale = 'changed'; }", VIEW)
        page.locator(f"#score-field-{view.lower()}").click()
        expect(figure).not_to_have_attribute("data-stale", stale)


def newest():
    """The training that was added last or asked for last."""
    return next(reversed(TRAININGS._kept.values()))


@pytest.mark.parametrize("how", ["closing", "going elsewhere", "another view"])
def test_leaving_ends_a_training_at_once(visit, how):
    page = visit()
    train(page)
    learner = newest()
    assert learner.step > 0
    if how == "closing":
        page.close()
    elif how == "going elsewhere":
        page.goto("about:blank")
    else:
        open_view(page, "Forward")
    other = page if how == "another view" else visit()
    other.wait_for_timeout(2000)
    step = learner.step
    updates = learner.updates()
    assert next(updates).step == step + 1, "it is free"
    updates.close()
    other.wait_for_timeout(1000)
    assert learner.step == step + 1


def test_two_people_train_at_once_and_both_get_on(visit):
    first, second = visit(), visit()
    for page in (first, second):
        open_view(page, "Train")
        number = page.get_by_label("number input for Updates")
        number.fill("10000")  # so that none is done before the other has begun
        number.press("Tab")
        train(page)
    before = [updates_of(page.locator(STATUS).inner_text()) for page in (first, second)]
    for page, start in zip((first, second), before, strict=True):
        until(
            page,
            lambda page=page, start=start: updates_of(page.locator(STATUS).inner_text()) > start + 50,
            "50 updates more",
        )
    expect(toasts(first)).to_have_count(0)
    expect(toasts(second)).to_have_count(0)


def test_a_new_page_has_the_inputs_of_its_points_alone_from_the_first(visit):
    page = visit()
    for label in ("Gaussians", "Word"):
        expect(page.get_by_text(label, exact=True)).to_have_count(0)
    expect(page.locator(".draw-sheet")).to_have_count(0)
    choose_points(page, "a word")
    expect(page.get_by_text("Word", exact=True)).to_be_visible()


def test_a_bad_table_is_told_in_one_sentence_and_nothing_is_lost(visit, tmp_path):
    page = visit()
    choose_points(page, "your own points")
    page.locator(".draw-sheet").wait_for()
    draw(page, (-2, 1.5), (-1, 1.5))
    expect(page.locator(CAPTION)).to_have_text(re.compile("your own points"))
    count = page.locator(".draw-count").inner_text()
    (tmp_path / "bad.csv").write_text("x,y\n1,2\n3,four\n")
    page.locator("input[type=file]").first.set_input_files(tmp_path / "bad.csv")
    expect(toasts(page)).to_have_count(1)
    expect(toasts(page)).to_contain_text("Line 3 needs two finite numbers, x and y: “four” is none.")
    expect(page.locator(".draw-count")).to_have_text(count)
    expect(page.locator(CAPTION)).to_have_text(re.compile("your own points"))


def test_a_table_is_put_on_the_sheet_and_shown(visit, tmp_path):
    page = visit()
    choose_points(page, "your own points")
    (tmp_path / "good.csv").write_text("x,y,who\n0,0,a\n5,5,b\n0,5,a\n")
    page.locator(".draw-sheet").wait_for()
    page.locator("input[type=file]").first.set_input_files(tmp_path / "good.csv")
    expect(page.locator(".draw-count")).to_have_text("3 points")
    expect(page.locator(CAPTION)).to_have_text(re.compile("your own points"))
    told = page.get_by_text("The points of the table were centred (their mean was 1.67, 3.33) and divided by 2.36.")
    expect(told).to_be_visible()
    draw(page, (-2, 1.5), (-1, 1.5))
    expect(told).to_have_count(0)  # the new points were not moved
