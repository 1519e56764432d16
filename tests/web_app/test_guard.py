"""What the server refuses before Gradio sees it, and where it listens."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Any

import pytest

from mutualseg.errors import ConfigError
from mutualseg.web_app.addresses import listen
from mutualseg.web_app.guard import Guard, Message

HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})


def _ask(
    path: str,
    host: str,
    hosts: frozenset[str] | None = HOSTS,
    *,
    method: str = "GET",
    more: Mapping[bytes, bytes] | None = None,
    is_full: bool = False,
) -> tuple[int, dict[bytes, bytes]]:
    sent: list[Message] = []

    async def app(scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {}

    headers = [(b"host", host.encode()), *(more or {}).items()]
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    asyncio.run(Guard(app, hosts=hosts, is_full=lambda: is_full)(scope, receive, send))
    return int(sent[0]["status"]), dict(sent[0]["headers"])


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:7860", 200),
        ("localhost:80", 200),
        ("LOCALHOST", 200),
        ("[::1]:7860", 200),
        ("evil.example:7860", 400),
        ("127.0.0.1.evil.example", 400),
        ("", 400),
    ],
)
def test_another_sites_name_for_this_machine_is_refused(host: str, status: int) -> None:
    assert _ask("/", host)[0] == status


def test_where_other_machines_are_let_in_they_call_it_as_they_like() -> None:
    assert _ask("/", "workstation:7860", None)[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file/etc/passwd",
        "/gradio_api/proxy=https://example.org",
        "/gradio_api/vibe-edit/",
        "/gradio_api/run/predict",
        "/monitoring/summary",
        "/docs",
        "/openapi.json",
    ],
)
def test_what_no_page_needs_is_not_there(path: str) -> None:
    assert _ask(path, "localhost")[0] == 404


def test_every_answer_says_that_the_page_loads_nothing_from_elsewhere() -> None:
    for path in ("/", "/docs"):
        policy = _ask(path, "localhost")[1][b"content-security-policy"].decode()
        assert "default-src 'self'" in policy
        assert "http" not in policy


def test_it_listens_on_this_machine_alone_unless_told_otherwise() -> None:
    with listen("127.0.0.1", 0).socket as opened:
        port = opened.getsockname()[1]
        assert opened.getsockname()[0] == "127.0.0.1"
        with pytest.raises(ConfigError, match=f"--port {port} is taken"):
            listen("127.0.0.1", port)
    everywhere = listen("0.0.0.0", 0)
    everywhere.socket.close()
    assert (everywhere.is_local, everywhere.hosts) == (False, None)


def test_the_first_free_port_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr("mutualseg.web_app.addresses.FIRST_PORT", taken.getsockname()[1])
        found = listen("localhost", None)
        assert found.is_local
        assert found.socket.getsockname()[1] > taken.getsockname()[1]
        found.socket.close()


def test_a_port_that_is_none_is_said() -> None:
    with pytest.raises(ConfigError, match="--port 70000 is out of range"):
        listen("127.0.0.1", 70000)
    with pytest.raises(ConfigError, match=r"--host 192\.0\.2\.1 is no address of this machine"):
        listen("192.0.2.1", 0)


UPLOAD = "/gradio_api/upload"


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({}, 200),  # a program
        ({b"origin": b"http://127.0.0.1:7860", b"sec-fetch-site": b"same-origin"}, 200),
        ({b"origin": b"http://evil.example"}, 403),
        ({b"origin": b"http://127.0.0.1:8000"}, 403),  # another server on this machine
        ({b"origin": b"null"}, 403),
        ({b"sec-fetch-site": b"cross-site"}, 403),
        ({b"sec-fetch-site": b"same-site"}, 403),
    ],
)
def test_pages_of_other_sites_drop_nothing(more: dict[bytes, bytes], status: int) -> None:
    assert _ask(UPLOAD, "127.0.0.1:7860", method="POST", more=more)[0] == status


def test_links_from_other_sites_lead_to_the_page() -> None:
    assert _ask("/", "127.0.0.1:7860", more={b"sec-fetch-site": b"cross-site"})[0] == 200


def test_all_dropped_images_together_are_bounded() -> None:
    assert _ask(UPLOAD, "localhost", method="POST", is_full=True)[0] == 507
    assert _ask("/", "localhost", is_full=True)[0] == 200
