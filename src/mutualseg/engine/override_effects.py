"""What an overridden setting does to a run beside what its name says: where data and schedules then stand."""

from __future__ import annotations

from mutualseg.settings import Settings

_STREAMS = {"batch": "labeled", "unlabeled_batch": "unlabeled"}


def effect_of(name: str, before: Settings, now: Settings, step: int) -> str:
    """Return a clause to end a sentence on an overridden setting with; empty if there is nothing to add.

    Args:
        name: of the setting, as in config.yaml.
        before: settings so far.
        now: settings to go on with.
        step: optimizer steps finished.
    """
    if step == 0:
        return ""
    if name in _STREAMS:
        places = [step * settings.accumulate * getattr(settings, name) for settings in (before, now)]
        return (
            f"; the {_STREAMS[name]} images go on at place {places[1]} of their order, not at {places[0]}, "
            "since it counts all steps at this size"
        )
    if name == "steps":
        return f"; {_standing(step, before, now)}"
    if name == "data":
        return (
            f"; files of the same names count as the same, so unless those in {now.data} are those of "
            f"{before.data}, the run does not go on exactly as it would have"
        )
    return ""


def _standing(step: int, before: Settings, now: Settings) -> str:
    """Return where all schedules stand, which are functions of the share of the steps that is done."""
    then, share = step / before.steps, step / now.steps
    burn_in = float(now.method.get("burn_in", 0.0))
    again = ", in the burn-in again, where no unlabeled image teaches" if share < burn_in <= then else ""
    return (
        f"rates, ramp and cooldown are functions of step/steps and stand at {100 * share:.3g}% now, not at "
        f"{100 * then:.3g}%{again}"
    )
