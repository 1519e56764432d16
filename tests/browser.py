"""Debian's chromium for tests that look at pages; tests that need it skip where it is not installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def require_browser() -> None:
    """Skip the test where there is no browser or no driver for it."""
    if not any(map(shutil.which, _BROWSERS)) or shutil.which("chromedriver") is None:
        pytest.skip("chromium and chromium-driver are not installed")


@contextmanager
def browser(width: int = 1280, height: int = 900) -> Iterator[Chrome]:
    """Yield a headless browser that reaches nothing but this machine, with its console kept.

    `console` has what its console printed.

    Args:
        width: of the window, in pixels.
        height: of the window, in pixels.
    """
    require_browser()
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, _BROWSERS)))
    # Root in a container has no sandbox; every name but this machine's resolves to nothing.
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
        f"--window-size={width},{height}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def console(driver: Chrome) -> list[dict[str, Any]]:
    """Return what the console printed since the last call: `level` and `message` of each entry."""
    return list(driver.get_log("browser"))  # type: ignore[no-untyped-call]
