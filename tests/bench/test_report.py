"""The report in a real browser: it sorts, filters, draws, and treats strings from data as text."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.bench.report import write_report

NASTY = "</script><img src=x onerror=\"document.title='broken'\"><b>bold</b> \u2028 {{ 7*7 }}"


@pytest.fixture(scope="module")
def browser():
    """Return Debian's Chromium, driven by playwright; absent browsers fail under CI and skip elsewhere."""
    playwright = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        reason = "no Chromium on this machine; install it (Debian: apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with playwright.sync_playwright() as driver:
        # Containers often run as root, for whom Chromium has no sandbox.
        opened = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory, made, row):
    rows = [
        row(
            solver,
            f"offloading/i{k:03d}",
            seconds * (k + 1),
            size=10 * (k + 1),
            excess=0.01 * k if solver == "slow" else 0.0,
        )
        for solver, seconds in (("fast", 0.001), ("slow", 0.1))
        for k in range(150)
    ]
    rows.append(row("odd", "offloading/i001", 1.0, formulation='<a href="https://example.org">click</a>'))
    rows.append(row(NASTY, "offloading/i000", 1.0, status="failed", verified=False, excess=None, message=NASTY))
    file = tmp_path_factory.mktemp("report") / "report.html"
    write_report(made(*rows), file, title=f"Title {NASTY}")
    return file


@pytest.fixture
def page(browser, path):
    """Return the page, open from disk with no network; nothing may be said on its console."""
    context = browser.new_context(offline=True, viewport={"width": 1200, "height": 900})
    opened = context.new_page()
    said = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
    opened.goto(path.as_uri())
    opened.wait_for_selector("body[data-ready=yes]", timeout=60_000)
    yield opened
    assert said == []
    context.close()


def column(page, name):
    head = page.locator("#table thead th").all_inner_texts()
    place = [text.split(" ▲")[0].split(" ▼")[0] for text in head].index(name) + 1
    return page.locator(f"#table tbody tr td:nth-child({place})").all_inner_texts()


def test_the_page_is_one_small_file(path):
    assert path.stat().st_size < 6_000_000
    text = path.read_text()
    assert 'src="' not in text
    assert "<b>bold</b>" not in text
    assert "{{" not in text.replace("{{ 7*7 }}", "")


def test_a_click_sorts_and_a_second_one_turns_it_round(page):
    button = page.locator("#table thead button", has_text="wall time")
    button.click()
    rising = [float(text) for text in column(page, "wall time")]
    assert rising == sorted(rising)
    assert page.locator("#table th[aria-sort=ascending]").count() == 1
    button.click()
    falling = [float(text) for text in column(page, "wall time")]
    assert falling == sorted(falling, reverse=True)
    assert falling[0] > rising[0]


def test_the_table_is_sorted_from_the_keyboard(page):
    page.locator("#table thead button", has_text="instance").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert column(page, "instance")[0] == "offloading/i149"
    assert page.locator("#table th[aria-sort=descending]").count() == 1


def test_filters_work_together(page):
    assert page.locator("#count").inner_text() == "302 of 302 runs"
    page.locator("#by-solver").select_option("slow")
    assert page.locator("#count").inner_text() == "150 of 302 runs"
    page.locator("#search").fill("i07")
    assert page.locator("#count").inner_text() == "10 of 302 runs"
    page.locator("#by-status").select_option("failed")
    assert page.locator("#count").inner_text() == "0 of 302 runs"


def test_more_rows_come_when_asked_for(page):
    assert page.locator("#table tbody tr").count() == 200
    page.locator("#more").click()
    assert page.locator("#table tbody tr").count() == 302
    assert page.locator("#more").is_hidden()


def test_plots_are_drawn_and_react(page):
    plot = page.locator("#plot-profile-OfflineOffloading")
    traces = "(box) => box.data.map((trace) => trace.visible)"
    assert plot.locator(".legendtoggle").count() == 3
    plot.locator(".legendtoggle").first.click()
    page.wait_for_function("document.getElementById('plot-profile-OfflineOffloading').data[0].visible === 'legendonly'")
    assert "legendonly" in plot.evaluate(traces)
    assert page.locator(".plot .main-svg").count() >= 4


def test_strings_from_data_are_text(page):
    assert page.title().startswith("Title </script>")
    assert NASTY.split(" ")[0] in page.locator("#failures").inner_text()
    assert page.locator("#failures b, #table b, #table img, #ranking b").count() == 0
    assert "49" not in page.locator("h1").inner_text()
    assert page.locator(".plot a[*|href^=https]").count() == 0
    assert (
        "<b>bold</b>"
        in page.locator("#plot-profile-OfflineOffloading .legendtext", has_text="bold").first.text_content()
    )


def test_each_failure_has_its_reason_and_its_command(page):
    words = page.locator("#failures").inner_text()
    assert "edgeopt solve" in words
    assert "1 runs have no verified answer" in words


def test_a_phone_shows_it_without_sideways_scrolling(browser, path):
    context = browser.new_context(offline=True, viewport={"width": 390, "height": 800}, is_mobile=True)
    opened = context.new_page()
    opened.goto(path.as_uri())
    opened.wait_for_selector("body[data-ready=yes]", timeout=60_000)
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_ten_thousand_failures_stay_under_the_limit(tmp_path, made, row):
    silent = {"status": "failed", "verified": False, "objective": None, "excess": None, "message": "broken " * 30}
    rows = [row("s", f"offloading/{k}", np.nan, command="edgeopt solve " + "x" * 200, **silent) for k in range(10_000)]
    write_report(made(*rows), tmp_path / "r.html")
    assert (tmp_path / "r.html").stat().st_size < 6_000_000
    assert "the first 500 are listed" in (tmp_path / "r.html").read_text()


def test_contradictions_and_what_is_proved_are_shown(tmp_path, made, row):
    unknown = {"best": None, "best_status": "", "excess": None}
    rows = [
        row("liar", "x", 0.1, **unknown, objective=9.0),
        row("word", "x", 1.0, **unknown, objective=5.0, proved=False),
        row("highs", "y", 1.0),
    ]
    write_report(made(*rows), tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert "2 answers contradict another answer" in page
    assert "says optimal, but word found 5" in page
    assert "liar says optimal with 9" in page
    assert "1 proved, 2 contradicted" in page
    write_report(made(*rows[1:]), tmp_path / "r.html")
    assert "Contradictions" not in (tmp_path / "r.html").read_text()


def test_an_empty_table_is_refused(tmp_path, made, row):
    with pytest.raises(eo.InvalidProblemError, match="bench run"):
        write_report(made(row("a", "x", 1.0)).iloc[:0], tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()
