"""The weights that networks of a run start from: pretrained, or another run's; and under which license."""

from __future__ import annotations

from mutualseg.errors import HubError, NetworkError, WeightsError
from mutualseg.hub.downloads import local_path
from mutualseg.networks.build import NetworkConfig, build_segmenter
from mutualseg.networks.segmenter import Segmenter
from mutualseg.networks.weights_license import UNKNOWN, license_of
from mutualseg.runs import weights_of
from mutualseg.seeding import address
from mutualseg.settings import Settings
from mutualseg.weights_files import license_in, load_network


def build_start(settings: Settings, usual: NetworkConfig, own: NetworkConfig, role: str) -> Segmenter:
    """Return a network as it is before its first step.

    Args:
        settings: of the run.
        usual: of the run's networks, which `--init` has to be.
        own: of this one, which may have another decoder.
        role: of the network; it addresses what is random.

    Raises:
        NetworkError, WeightsError: the weights are of another network, or cannot be had.
    """
    seed = address(settings.seed, role)
    if settings.init is None:
        return build_segmenter(own, weights=settings.weights, seed=seed)
    start, config, _ = load_network(weights_of(local_path(settings.init)))
    if not config.same_weights(usual):
        channels = ""
        if config.channels != usual.channels:
            channels = f" for images of {config.channels} and {usual.channels} channels"
        raise NetworkError(
            f"--init {settings.init} holds a {config.network} on {config.encoder} with "
            f"{config.num_classes} classes, but this run is a {usual.network} on "
            f"{usual.encoder} with {usual.num_classes}{channels}; choose the same."
        )
    if role == "student_a":
        if own != config:  # other images: they are normalized by what was measured on them
            start.normalize_like(build_segmenter(own))
        return start.train()
    # Two equal students would teach each other nothing: the others take the encoder alone.
    fresh = build_segmenter(own, seed=seed)
    fresh.encoder.load_state_dict(start.encoder.state_dict())
    return fresh


def license_of_start(settings: Settings) -> str | None:
    """Return the license of what a run starts from: a run that it goes on from has passed its own on."""
    if settings.init is None:
        return license_of(settings.encoder, settings.weights)
    try:
        return license_in(weights_of(local_path(settings.init)))
    except (WeightsError, HubError):  # refused where it is loaded, and gone where the run is resumed
        return UNKNOWN
