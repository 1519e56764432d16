"""Look at every operation that torch runs."""

from __future__ import annotations

from collections.abc import Callable

from torch.utils._python_dispatch import TorchDispatchMode


class EachOperation(TorchDispatchMode):
    """Calls `note(operation, arguments, result)` after each operation while the mode is on."""

    def __init__(self, note: Callable[[Callable[..., object], tuple[object, ...], object], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.note = note

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        """Run the operation, then note it."""
        result = func(*args, **(kwargs or {}))
        self.note(func, args, result)
        return result
