"""All values of a training run, resolved once: what config.yaml holds and every part is built from."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

from mutualseg.data.image_codes import RGB
from mutualseg.data.mask_codes import INDICES
from mutualseg.errors import ConfigError, RunError
from mutualseg.one_line import one_line
from mutualseg.supervision import Supervision
from mutualseg.typed_values import typed_values


@dataclass(frozen=True)
class Settings:
    """Resolved arguments of `train`, under the names of its flags; nothing in it is `auto`."""

    data: str
    unlabeled: list[str]
    labeled: str | int | None
    group: str | None
    method: dict[str, Any]
    """`name` and the method's own arguments."""
    steps: int
    seed: int
    split_seed: int
    batch: int
    unlabeled_batch: int
    accumulate: int
    crop: int
    network: str
    encoder: str
    weights: str
    init: str | None
    device: str
    devices: int
    num_nodes: int
    precision: str
    compile: bool
    activation_checkpointing: bool
    workers: int
    cache: str
    evaluate_every: int
    checkpoint_every: str | int
    select: str
    views: dict[str, Any]
    optimization: dict[str, Any]
    with_baseline: bool = False
    # What follows is left open only by runs from before there was a choice, which had these.
    supervision: dict[str, Any] = field(default_factory=lambda: dict(vars(Supervision())))
    window: int | None = None
    """Side of the windows in which val images are looked at; None: whole images."""
    layout: str = "folder"
    ignore: int | None = None
    channels: int = 3
    image_code: dict[str, Any] = field(default_factory=RGB.to_plain)
    """See `ImageCode`: follows from the images."""
    mask_code: dict[str, Any] = field(default_factory=INDICES.to_plain)
    """See `MaskCode`: follows from the masks."""
    on_bad_image: str = "error"
    """`error` or `skip`."""
    guard: str = "off"
    """`warn`, `rollback` or `off`."""
    deterministic: bool = False
    logger: list[str] = field(default_factory=lambda: ["tensorboard"])
    """Where curves and pictures go beside the run's own files."""
    threads: int | None = None
    """With which the run began to compute on a CPU; None in runs from before it was noted down."""
    teachers: dict[str, Any] | None = None
    """Of a distilled run: the run that teaches it (see `engine.teachers`)."""

    @property
    def processes(self) -> int:
        """How many processes share each step."""
        return self.devices * self.num_nodes

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a file; most runs have no teachers, and say nothing of them."""
        return {
            name: value for name, value in asdict(self).items() if name != "teachers" or value is not None
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any], source: str) -> Settings:
        """Rebuild what `to_dict` returned.

        Raises:
            RunError: a value is missing, unknown or of another type.
        """
        names = {each.name for each in fields(cls)}
        needed = {each.name for each in fields(cls) if each.default is each.default_factory is MISSING}
        odd = sorted(set(values) - names, key=str)
        if odd:
            raise RunError(
                f"'{source}' has the value '{one_line(odd[0])}', which this version does not know; take it "
                "out if it was added by hand, else go on with the version that wrote the file."
            )
        wrong = sorted(needed - set(values), key=str)
        if wrong:
            raise another_version(source, one_line(wrong[0]))
        try:
            return cls(**typed_values(cls, values, "{}"))
        except ConfigError as error:
            raise RunError(f"'{source}' cannot be used: {str(error).rstrip('.')}; restore it.") from None


def another_version(source: str, value: str) -> RunError:
    """Return the refusal of a file that lacks a value of now, or has one that there is not."""
    return RunError(
        f"'{source}' lacks or has one value too many ('{value}'), so another version wrote it; restore what "
        "was changed by hand, or go on with that version."
    )
