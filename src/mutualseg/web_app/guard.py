"""What stands before every request: who may ask, for what, and what a page may load."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Mapping[str, Any], Receive, Send], Awaitable[None]]

_ANSWERED = (
    *(
        "/assets/",
        "/static/",
        "/svelte/",
        "/theme.css",
        "/favicon.ico",
        "/manifest.json",
        "/pwa_icon",
        "/robots.txt",
    ),
    *("/config", "/result/"),
    *(
        f"/gradio_api/{name}"
        for name in (
            *("queue/", "upload", "heartbeat/", "startup-events", "theme.css", "info", "cancel", "reset"),
            *("app_id", "login_check", "user", "token"),
        )
    ),
)
"""What the page asks for. Gradio answers more, such as any file of its own folders and other servers' pages:
nothing of that is used here."""

_UPLOAD = "/gradio_api/upload"

_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; "
    # Gradio makes functions of texts, and styles.
    "script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


class Guard:
    """Answers what is not allowed, and passes the rest on.

    Args:
        app: what is guarded.
        hosts: names by which the server may be called, in lower case and without a port; None: by any. A page
            of another site that has its own name lead to this machine asks by that name.
        is_full: whether no more images are taken.
    """

    def __init__(
        self, app: Application, *, hosts: frozenset[str] | None, is_full: Callable[[], bool]
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._is_full = is_full

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Handle one request, as ASGI has it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing here speaks over web sockets
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = _host(headers.get(b"host", ""))
        if self._hosts is not None and host not in self._hosts:
            await _refuse(
                send, 400, "The app answers on this machine alone; start it with --host to change that."
            )
            return
        if scope["method"] not in ("GET", "HEAD") and _is_foreign(headers):
            await _refuse(send, 403, "Another site's page may not use the app.")
            return
        path = str(scope["path"])
        if path == _UPLOAD and self._is_full():
            await _refuse(send, 507, "The app holds all that it may of dropped images; start it again.")
            return
        if path != "/" and not path.startswith(_ANSWERED):
            await _refuse(send, 404, "There is nothing here.")
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _is_foreign(headers: Mapping[bytes, str]) -> bool:
    """Tell whether a browser says that the page of another site asks; programs say nothing of it."""
    origin = headers.get(b"origin")
    if origin is not None and origin.lower().partition("://")[2] != headers.get(b"host", "").strip().lower():
        return True
    return headers.get(b"sec-fetch-site", "none") not in ("same-origin", "none")


def _host(header: str) -> str:
    """Return the name or address of a Host header without its port."""
    text = header.strip().lower()
    if text.startswith("["):
        return text.partition("]")[0] + "]"
    return text.partition(":")[0]


async def _refuse(send: Send, status: int, sentence: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": sentence.encode()})
