"""The browser that other tests look at pages with: it renders, keeps its console, and reaches nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import browser, console, require_browser


@pytest.mark.slow
def test_a_page_is_rendered_and_its_console_kept(tmp_path: Path) -> None:
    require_browser()
    page = tmp_path / "page.html"
    page.write_text(
        "<title>here</title><p id=p>one</p><img src='http://example.org/a.png'>"
        "<script>p.textContent = 'two'; console.error('a fault')</script>"
    )
    with browser() as driver:
        driver.get(page.as_uri())
        assert driver.title == "here"
        assert driver.find_element("id", "p").text == "two"
        said = " ".join(entry["message"] for entry in console(driver))
    assert "a fault" in said
    assert "ERR_NAME_NOT_RESOLVED" in said
