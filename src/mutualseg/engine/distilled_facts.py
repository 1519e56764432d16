"""What the summary of a distilled run says beside any other's: how it compares with what taught it."""

from __future__ import annotations

from typing import Any

from mutualseg.data.images import image_size
from mutualseg.engine.session import Session
from mutualseg.engine.teachers import Teachers
from mutualseg.evaluation.inference_options import InferenceOptions
from mutualseg.evaluation.speed import milliseconds_per_image, parameter_count
from mutualseg.methods.base import Method
from mutualseg.networks.segmenter import Segmenter


def distilled_facts(session: Session, method: Method) -> dict[str, Any]:
    """Return size and speed of the deployed network and of one that taught it; nothing of other runs.

    Args:
        session: of the run.
        method: trained.
    """
    settings = session.settings
    if settings.teachers is None:
        return {}
    teachers = Teachers.from_plain(settings.teachers)
    networks = method.to(settings.device).networks()
    size = image_size(session.split.val[0].image)

    def cost(network: Segmenter) -> dict[str, Any]:
        spent = milliseconds_per_image(
            network,
            size,
            device=settings.device,
            precision=settings.precision,
            options=InferenceOptions(settings.window),
        )
        return {"parameters": parameter_count(network), "milliseconds_per_image": round(spent, 2)}

    taught_by = {
        name: getattr(teachers, name) for name in ("run", "method", "networks", "network", "encoder")
    }
    return {
        "network": settings.network,
        "encoder": settings.encoder,
        **cost(networks[method.deployed]),
        "image_size": list(size),
        "distilled_from": {**taught_by, "miou": teachers.miou, **cost(networks["teacher_a"])},
    }
