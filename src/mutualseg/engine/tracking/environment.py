"""Environment variables that a library reads while it starts, for that long alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def assumed(values: Mapping[str, str]) -> Iterator[None]:
    """Set those variables that the user has not set, and take them back."""
    own = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(own)
    try:
        yield
    finally:
        for name in own:
            os.environ.pop(name, None)
