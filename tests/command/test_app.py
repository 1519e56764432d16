"""`mutualseg app`: refusals, the server by itself, and the page in a browser."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

import mutualseg
from tests.browser import browser, console, require_browser
from tests.command.conftest import Command
from tests.command.made import CLASSES, PROGRAM, write_photos

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

_PATIENCE = 90
_UPLOADING = "Method not implemented."
"""What Gradio's own script warns of whenever a file is uploaded."""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere",), "no run or weights file 'nowhere"),
        (("a", "b", "c"), "one run or two"),
        (("RUN", "--images", "nowhere"), "--images nowhere is no folder"),
        (("RUN", "--port", "99999"), "--port 99999 is out of range"),
        (("RUN", "--port", "x"), "--port x does not fit"),
        (("RUN", "--max-megapixels", "0"), "--max-megapixels 0 leaves nothing"),
        (("RUN", "--max-megabytes", "-3"), "--max-megabytes -3 leaves nothing"),
        (("RUN", "--share"), "There is no option '--share'"),
        ((), "RUNS"),
    ],
)
def test_refusals_are_one_sentence(
    words: tuple[str, ...], message: str, finished: Path, command: Command
) -> None:
    outcome = command("app", *[finished if word == "RUN" else word for word in words])
    assert outcome.code == 2
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert outcome.out == ""


def test_without_gradio_it_says_what_to_install(
    finished: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mutualseg.web_app.running_app.find_spec", lambda name: None)
    outcome = command("app", finished)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "mutualseg: The app needs gradio; pip install 'mutualseg[app]'.\n"


@contextmanager
def _app(*words: object, temporary: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Run the command as a process of its own, and yield it with what it announced."""
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary), "GRADIO_ALLOWED_PATHS": "/", "GRADIO_SHARE": "True"}
    running = subprocess.Popen(
        [*PROGRAM, "app", *map(str, words), "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert running.stdout is not None
        line = running.stdout.readline()
        assert line, running.communicate(timeout=10)
        yield running, json.loads(line)
    finally:
        if running.poll() is None:
            running.kill()
        running.communicate(timeout=10)


def _end(running: subprocess.Popen[str], number: int, temporary: Path) -> tuple[int, str]:
    """Stop the process by a signal; what it said, once nothing of it is left on the disk."""
    assert list(temporary.glob("mutualseg-app-*"))
    running.send_signal(number)
    _, said = running.communicate(timeout=30)
    assert list(temporary.glob("mutualseg-app-*")) == []
    return running.returncode, said


def _status(url: str, host: str | None = None) -> int:
    try:
        with urlopen(Request(url, headers={"Host": host} if host else {}), timeout=30) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


@pytest.mark.slow
def test_it_answers_this_machine_and_ends_without_a_trace(finished: Path, tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", ("a.png",))
    temporary = tmp_path / "temporary"
    with _app(finished, "--images", photos, temporary=temporary) as (running, announced):
        url = announced["url"]
        assert url.startswith("http://127.0.0.1:")
        assert announced["images"] == 1
        (kept,) = temporary.glob("mutualseg-app-*")
        assert kept.stat().st_mode & 0o077 == 0
        assert _status(url) == 200
        assert _status(url, "evil.example") == 400
        for path in (photos / "a.png", Path("/etc/hostname"), finished / "config.yaml"):
            assert _status(f"{url}/gradio_api/file={path}") == 404
        assert _status(f"{url}/result/{'x' * 32}/0.png") == 404
        assert _status(f"{url}/monitoring/summary") == 404
        code, said = _end(running, signal.SIGTERM, temporary)
    assert code == 143
    assert said == "mutualseg: stopped by SIGTERM; dropped images and masks are deleted\n"


class _Page:
    """The app's page in a browser."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def script(self, code: str, *values: object) -> Any:
        return self.driver.execute_script(code, *values)

    def until(self, is_so: Callable[[], object]) -> Any:
        """Wait until something is so; what changes meanwhile counts as not yet."""
        from selenium.common.exceptions import WebDriverException

        end = time.monotonic() + _PATIENCE
        while True:
            try:
                found = is_so()
            except WebDriverException:
                found = None
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError(f"the page never came to it: {self.find('body').text}")
            time.sleep(0.05)

    def until_named(self, name: str) -> None:
        self.until(lambda: self.find("#stage .name b").text == name)

    def drop(self, *files: Path) -> None:
        self.find("#files input[type=file]").send_keys("\n".join(map(str, files)))

    def show(self, view: str) -> None:
        self.script(
            "[...document.querySelectorAll('#view label')].find(each => each.innerText.trim() === "
            "arguments[0]).click()",
            view,
        )

    def requests(self) -> list[str]:
        names = self.script("return performance.getEntriesByType('resource').map(each => each.name)")
        return [str(name) for name in names if not name.startswith("data:")]

    def answered(self) -> int:
        """Return how many actions the server has answered, once none is left open; 0 before."""
        names = self.requests()
        begun, ended = (sum(f"/queue/{word}" in name for name in names) for word in ("join", "data"))
        return ended if begun == ended else 0

    def shown(self, kind: str) -> list[int]:
        """Return how wide the pictures of a kind are that can be seen, as their files have them."""
        found = self.script(
            "return [...document.querySelectorAll(arguments[0])].filter(each => each.offsetParent)"
            ".map(each => each.naturalWidth)",
            kind,
        )
        return [int(width) for width in found]


@pytest.mark.slow
def test_a_visitor_clicks_through_the_page(finished: Path, tmp_path: Path) -> None:
    require_browser()
    photos = write_photos(tmp_path / "photos", ("frame_10.png", "frame_2.png"))
    dropped = write_photos(tmp_path / "own", ("Ein Foto (1).png", "other.png"))
    broken = dropped / "<img src=x onerror=alert(1)>.png"
    broken.write_bytes(b"no image")
    temporary, loads = tmp_path / "temporary", tmp_path / "loads"
    words = (finished, "--images", photos, "--max-megabytes", 1)
    with _app(*words, temporary=temporary) as (running, announced), browser() as driver:
        page = _Page(driver)
        driver.execute_cdp_cmd(
            "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(loads)}
        )
        driver.get(announced["url"])

        page.until_named("frame_2.png")  # the folder, in natural order
        assert page.shown(".stack.overlay img") == [80, 80]
        assert all(name in page.find("#classes").text for name in CLASSES)
        shares = mutualseg.load(finished).predict(photos / "frame_2.png")
        percent = 100 * float((shares == np.bincount(shares.ravel()).argmax()).mean())
        assert f"{percent:.1f} %" in page.find("#classes").text

        page.find("#next").click()
        page.until_named("frame_10.png")
        page.until(lambda: page.find("#next").get_attribute("disabled"))
        page.find("#back").click()
        page.until_named("frame_2.png")
        number = page.find("#number input")
        number.clear()
        number.send_keys("2\n")
        page.until_named("frame_10.png")

        page.find("#heading").click()  # leaving the field asks the server once more
        page.until(lambda: page.answered() >= 6)
        asked = page.requests()
        opacity = "return getComputedStyle(document.querySelector('.overlay .mask')).opacity"
        assert float(page.script(opacity)) == pytest.approx(0.55)
        slider = page.find("#opacity input[type=range]")
        slider.send_keys(*["\ue014"] * 20)  # the key of the arrow to the right
        page.until(lambda: float(page.script(opacity)) == pytest.approx(0.75))
        for view, kind in (("Confidence", "confidence"), ("Classes", "classes"), ("Photo", "photo")):
            page.show(view)
            page.until(lambda kind=kind: page.shown(f".stack.{kind} img") == [80])  # type: ignore[misc]
            assert page.shown(".stack.overlay img") == []
        page.show("Overlay")
        assert page.requests() == asked  # all of that was done without asking the server

        page.drop(dropped / "Ein Foto (1).png", broken, dropped / "other.png")
        page.until_named("Ein Foto (1).png")
        (problem,) = driver.find_elements("css selector", "#stage .problem")
        assert problem.text.startswith(f"Left out: {broken.name} is not an image")
        assert "of 2" in page.find("#number").text
        assert float(page.script(opacity)) == pytest.approx(0.75)

        field = page.find("#other textarea, #other input")
        field.send_keys(str(finished / "weights/deployed.safetensors"))
        page.find("#other button").click()
        page.until(lambda: page.shown(".stack.overlay img") == [80] * 4)
        page.show("Differences")
        page.until(lambda: page.shown("figure.difference img") == [80])
        assert "name different classes on 0.0 % of the pixels" in page.find("#stage").text

        page.find("#save").click()
        archive = loads / "masks.zip"
        page.until(archive.is_file)
        with ZipFile(archive) as packed:
            assert len(packed.namelist()) == 4
            (name, _) = sorted(each for each in packed.namelist() if each.endswith("/Ein Foto (1).png"))
            with packed.open(name) as file, Image.open(file) as mask:
                expected = mutualseg.load(finished).predict(dropped / "Ein Foto (1).png")
                assert np.array_equal(np.asarray(mask), expected)

        page.find("#clear").click()
        page.until_named("frame_10.png")
        assert [each for each in page.requests() if not each.startswith(announced["url"])] == []
        assert [each for each in console(driver) if _UPLOADING not in each["message"]] == []

        (dropped / "large.png").write_bytes(bytes(1_100_000))
        page.drop(dropped / "large.png")
        page.until(lambda: "exceed the maximum allowed size" in page.find("body").text)
        for width in (1280, 390):
            metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            assert page.script("return document.documentElement.scrollWidth") <= width
        code, said = _end(running, signal.SIGINT, temporary)  # with the page still open
    assert (code, said) == (130, "mutualseg: stopped\n")
