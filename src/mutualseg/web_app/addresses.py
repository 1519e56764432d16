"""Where the app listens: a socket of its own, opened before anything is said about it."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from ipaddress import ip_address
from typing import NamedTuple

from mutualseg.errors import ConfigError, cure_of

FIRST_PORT, MOST_TRIED = 7860, 100
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Listener(NamedTuple):
    """An open socket."""

    socket: socket.socket
    url: str
    """What to open in a browser on this machine."""
    is_local: bool
    """Whether only this machine reaches it."""
    hosts: frozenset[str] | None
    """Names by which it is called; None: other machines have their own for it."""


def listen(host: str, port: int | None) -> Listener:
    """Open a socket.

    Args:
        host: name or address of one of this machine's interfaces.
        port: 0 for any free one; None for the first free one from 7860 on.

    Raises:
        ConfigError: the port is taken or out of range, or this machine has no such address.
    """
    if port is not None and not 0 <= port <= 65535:
        raise ConfigError(f"--port {port} is out of range; give a number from 0 (any free one) to 65535.")
    family, address = _resolved(host)
    tried = [port] if port is not None else range(FIRST_PORT, FIRST_PORT + MOST_TRIED)
    for each in tried:
        opened = socket.socket(family, socket.SOCK_STREAM)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind((address, each))
            opened.listen(128)
        except OSError as error:
            opened.close()
            if port is None and error.errno is not None and _is_taken(error):
                continue
            raise ConfigError(_sentence(error, host, each)) from None
        return _listener(opened, host, address)
    last = FIRST_PORT + MOST_TRIED - 1
    raise ConfigError(f"The ports {FIRST_PORT} to {last} of {host} are all taken; name a free --port.")


def _listener(opened: socket.socket, host: str, address: str) -> Listener:
    found = ip_address(address)
    is_local = found.is_loopback
    called = "127.0.0.1" if address == "0.0.0.0" else "::1" if address == "::" else address
    shown = f"[{called}]" if ":" in called else called
    hosts = _LOCAL_NAMES | {shown, host.lower()} if is_local else None
    return Listener(opened, f"http://{shown}:{opened.getsockname()[1]}", is_local, hosts)


def _resolved(host: str) -> tuple[socket.AddressFamily, str]:
    with suppress(ValueError):  # no look-up of what is an address already
        own = ip_address(host.strip("[]"))
        return (socket.AF_INET if own.version == 4 else socket.AF_INET6), str(own)
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ConfigError(
            f"--host {host} is no name or address of this machine; leave it out, or give 0.0.0.0 for all."
        ) from None
    family, *_, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    return family, str(address[0])


def _is_taken(error: OSError) -> bool:
    return error.errno in (errno.EADDRINUSE, errno.EACCES)


def _sentence(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"--port {port} is taken on {host}; name another, or leave it out for the first free one."
    if error.errno == errno.EACCES:
        return f"--port {port} may not be used by you; name one from 1024 on."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host {host} is no address of this machine; leave it out, or give 0.0.0.0 for all."
    return f"The app cannot listen on {host}:{port} ({error.strerror}); {cure_of(error)}."
