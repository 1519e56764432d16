"""A Hugging Face Hub of one process on this machine: what the library asks of the real one, in memory."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_of_this_test"
OWNER = "someone"


@dataclass
class Model:
    """A repository: files by commit, the newest last."""

    private: bool
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """Return the commit that a revision names, and its files."""
        if revision == "main":
            return next(reversed(self.commits.items()), None)
        found = self.commits.get(revision)
        return None if found is None else (revision, found)


@dataclass
class Hub:
    """What the server knows, and how it misbehaves."""

    endpoint: str = ""
    models: dict[str, Model] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of every request."""
    headers: dict[str, str] = field(default_factory=dict)
    """Headers of files that are replaced by these."""
    broken: int | None = None
    """Status that answers everything."""

    def put(self, name: str, files: dict[str, bytes], *, private: bool = False) -> str:
        """Add a commit, and return it."""
        model = self.models.setdefault(name, Model(private))
        before = model.at("main")
        held = {**(before[1] if before else {}), **files}
        commit = hashlib.sha1(repr((name, len(model.commits), sorted(held.items()))).encode()).hexdigest()
        model.commits[commit] = held
        return commit


@contextmanager
def serving() -> Iterator[Hub]:
    """Run a hub on a free port of this machine."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer(b"")

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def do_PUT(self) -> None:
        self._answer(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    @property
    def _may_write(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _answer(self, body: bytes) -> None:
        hub, path = self.hub, unquote(urlsplit(self.path).path)
        hub.asked.append((self.command, path))
        if hub.broken is not None:
            return self._send(hub.broken, {"error": "out of order"})
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            return self._send(200, {"errors": [], "warnings": []})
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/main", path):
            return self._preupload(found[1], json.loads(body))
        if found := re.fullmatch(r"/([^/]+/[^/]+)\.git/info/lfs/objects/batch", path):
            return self._batch(json.loads(body))
        if found := re.fullmatch(r"/large/([0-9a-f]{64})", path):
            assert hashlib.sha256(body).hexdigest() == found[1]
            hub.large[found[1]] = body
            return self._send(200, {})
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", path):
            return self._commit(found[1], body)
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+?)(?:/revision/(.+))?", path):
            return self._describe(found[1], found[2] or "main")
        if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            return self._file(found[1], found[2], found[3])
        return self._send(404, {"error": f"nothing at {path}"})

    def _create(self, asked: dict[str, Any]) -> None:
        if not self._may_write:
            return self._send(401, {"error": "Invalid username or password."})
        name = f"{asked.get('organization') or OWNER}/{asked['name']}"
        if not name.startswith(f"{OWNER}/"):
            return self._send(
                403, {"error": "You don't have the rights to create a model under this namespace"}
            )
        known = name in self.hub.models
        if not known:
            is_private = asked.get("visibility") == "private" or bool(asked.get("private"))
            self.hub.models[name] = Model(is_private)
        return self._send(409 if known else 200, {"url": f"{self.hub.endpoint}/{name}", "name": name})

    def _preupload(self, name: str, asked: dict[str, Any]) -> None:
        def mode(path: str) -> str:
            return "lfs" if path.endswith(".safetensors") else "regular"

        files = [
            {"path": f["path"], "uploadMode": mode(f["path"]), "shouldIgnore": False} for f in asked["files"]
        ]
        self._send(200, {"files": files})

    def _batch(self, asked: dict[str, Any]) -> None:
        objects = [
            {**each, "actions": {"upload": {"href": f"{self.hub.endpoint}/large/{each['oid']}"}}}
            for each in asked["objects"]
        ]
        self._send(200, {"transfer": "basic", "objects": objects})

    def _commit(self, name: str, body: bytes) -> None:
        if not self._may_write:
            return self._send(403, {"error": "Forbidden"})
        files: dict[str, bytes] = {}
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
        commit = self.hub.put(name, files)
        url = f"{self.hub.endpoint}/{name}/commit/{commit}"
        return self._send(200, {"commitUrl": url, "commitOid": commit, "pullRequestUrl": None})

    def _found(self, name: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        model = self.hub.models.get(name)
        if model is None or (model.private and not self._may_write):
            self._send(401, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            return None
        found = model.at(revision)
        if found is None:
            self._send(404, {"error": "Invalid rev id"}, {"X-Error-Code": "RevisionNotFound"})
        return found

    def _describe(self, name: str, revision: str) -> None:
        found = self._found(name, revision)
        if found is not None:
            siblings = [{"rfilename": file, "size": len(held)} for file, held in found[1].items()]
            private = self.hub.models[name].private
            self._send(200, {"id": name, "sha": found[0], "private": private, "siblings": siblings})

    def _file(self, name: str, revision: str, file: str) -> None:
        found = self._found(name, revision)
        if found is None:
            return None
        if file not in found[1]:
            return self._send(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
        content = found[1][file]
        headers = {"X-Repo-Commit": found[0], "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
        return self._send(200, content, {**headers, **self.hub.headers})

    def _send(self, status: int, content: object, headers: dict[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
