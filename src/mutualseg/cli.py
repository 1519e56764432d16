"""The command `mutualseg`: verbs, exit codes and what is printed; the arguments come from `api`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from mutualseg import __version__, api
from mutualseg.api.training import next_run
from mutualseg.command_line.parsing import parse_verb
from mutualseg.engine.late_signals import FirstSignal, signals_to
from mutualseg.engine.requeueing import is_requeued
from mutualseg.errors import ConfigError, Interrupted, MutualSegError, cure_of, is_disk_full
from mutualseg.nearest import nearest_name
from mutualseg.terminal import json_line, shown, shown_lines

_EXIT_SKIPS = 1
_EXIT_FAULT = 2
_EXIT_SIGNALS = {"SIGINT": 130, "SIGTERM": 143, "SIGUSR1": 138}

_VERBS = {
    "train": "train a network from labeled and unlabeled images",
    "evaluate": "score a trained network on the val or test part",
    "predict": "segment images with a trained network",
    "split": "choose labeled and held-out images ahead",
    "check": "look a data folder over and name what is wrong with it",
    "compare": "train several methods, label amounts and seeds, in one table",
}

_HELP = """\
usage: mutualseg VERB [options]

Semantic segmentation from a few labeled and many unlabeled images,
by mutual knowledge distillation: two networks and their mean teachers
teach each other on images that nobody has labeled.

verbs:
{verbs}

  mutualseg VERB --help    the options of a verb
  mutualseg --version      the version

first steps, without any data of your own:
  mutualseg train --data generated --out runs/first
  mutualseg evaluate runs/first --split test

your own images (DIR/images/*.jpg, DIR/masks/*.png for some of them):
  mutualseg check DIR
  mutualseg train --data DIR --unlabeled MORE_IMAGES --out runs/mine
  mutualseg predict runs/mine photos/ --out masks/

exit codes: 0 done; 1 done, but files that predict skipped or runs of
compare that failed are listed; 2 something you can mend, said in one
sentence; 130, 143 stopped by a signal (training saves first, once it
has begun)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        argv: arguments without the program's name; those of the process if not given.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):  # a name of a file may hold what no terminal can show
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorBoard's optional parts talk otherwise
    # Training answers signals from here on, in steps in a way of its own.
    with signals_to(FirstSignal()) if arguments[:1] == ["train"] else nullcontext():
        return _report(arguments)


def _report(arguments: list[str]) -> int:
    """Run the command, and say in one sentence what ended it early."""
    try:
        return _run(arguments)
    except MutualSegError as error:
        _complain(f"mutualseg: {error}")
        return _EXIT_FAULT
    except Interrupted as stopped:
        advice = stopped.advice or " before there was anything to save; start again"
        if stopped.run and not stopped.advice:
            advice = f" and saved; continue with: mutualseg train --resume {stopped.run}"
        if str(stopped) == "SIGUSR1":
            advice = _requeued(advice)
        _complain(f"mutualseg: stopped by {stopped}{advice}")
        return _EXIT_SIGNALS[str(stopped)]
    except KeyboardInterrupt:
        print("mutualseg: stopped", file=sys.stderr)
        return _EXIT_SIGNALS["SIGINT"]
    except BrokenPipeError:  # the reader of a pipe went away, as `| head` does
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  # kept open until exit
        return 0
    except OSError as error:  # a folder that may not be written, a disk that is full
        place = f"'{error.filename}'" if error.filename else "a file"
        reason = error.strerror or type(error).__name__
        advice = cure_of(error)
        if is_disk_full(error):
            advice += ", then call the same command again (a begun train with --resume)"
        _complain(f"mutualseg: {place} cannot be used ({reason}); {advice}.")
        return _EXIT_FAULT


def _requeued(advice: str) -> str:
    """Put the SLURM job back into the queue, and return what to say of it."""
    from mutualseg.engine.processes import place_from
    from mutualseg.engine.requeueing import job_id, requeue

    job, place = job_id(os.environ), place_from(os.environ)
    if job is None or (place is not None and not place.leads):  # one of several processes does it
        return advice
    reason = requeue(job)
    if reason is not None:
        return f"{advice} (SLURM did not requeue the job: {reason})"
    done = advice.partition(";")[0]
    return f"{done}; SLURM job {job} is requeued, and goes on when it starts again"


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_HELP.format(verbs="\n".join(f"  {verb:<10} {text}" for verb, text in _VERBS.items())))
        return 0 if arguments else _EXIT_FAULT
    if arguments[0] == "--version":
        print(f"mutualseg {__version__}")
        return 0
    verb, rest = arguments[0], arguments[1:]
    if verb not in _VERBS:
        raise ConfigError(
            f"There is no verb '{verb}'; did you mean '{nearest_name(verb, _VERBS)}'? "
            f"The verbs are {', '.join(_VERBS)}."
        )
    parsed = parse_verb(verb, _VERBS[verb], rest)
    if parsed is None:  # help was printed
        return 0
    # Of a run that goes on it matters what was given, be it a default.
    given = parsed.given_arguments() if verb == "train" else parsed.arguments
    return _PERFORM[verb](given, parsed.as_json)


def _say(text: str) -> None:
    """Print one line of what was asked for; names in it are others' texts."""
    print(shown(text))


def _complain(text: str) -> None:
    """Print one line about what went wrong."""
    print(shown(text), file=sys.stderr)


def _train(arguments: dict[str, Any], as_json: bool) -> int:
    from mutualseg.engine.processes import place_from

    place = place_from(os.environ)
    if place is None or place.leads:
        chosen = _run_folder(arguments)
        arguments = arguments | ({} if chosen is None else {"out": chosen})
    summary = api.train(**arguments)
    if place is not None and not place.leads:  # one of several speaks
        return 0
    if as_json:
        print(json_line(summary))
        return 0
    run = arguments["resume"] if isinstance(arguments.get("resume"), str) else arguments.get("out")
    best = "deployed is the best evaluation's," if summary["select"] == "best" else "best"
    print(
        f"mIoU {summary['miou']:.2f} ({summary['deployed']}, last step; {best} "
        f"{summary['miou_best']:.2f}) after {summary['steps']} steps in {summary['seconds'] / 60:.1f} min"
    )
    if summary.get("skipped_images"):
        plural = "s were" if len(summary["skipped_images"]) > 1 else " was"
        print(f"{len(summary['skipped_images'])} image{plural} skipped: {run}/skipped.csv lists the reasons")
    drawn = any((Path(str(run)) / "pseudo_labels").glob("*.png"))
    pseudo_labels = f", {run}/pseudo_labels/" if drawn else ""
    _say(f"pictures: {run}/views.png{pseudo_labels}; all results: {run}/summary.json")
    if "baseline" in summary:
        from mutualseg.engine.baseline import verdict_sentence

        _say(verdict_sentence(summary))
    return 0


def _run_folder(arguments: Mapping[str, Any]) -> str | None:
    """Return `--out`, or what `train` would choose: what is printed in the end names it."""
    if arguments.get("out") is not None:
        return str(arguments["out"])
    if arguments.get("data") is None or any(map(arguments.get, ("resume", "overwrite"))) or is_requeued():
        return None
    return str(next_run(arguments["data"]))


def _evaluate(arguments: dict[str, Any], as_json: bool) -> int:
    scores = api.evaluate(**arguments | {"quiet": as_json or arguments["quiet"]})
    if as_json:
        print(json_line(scores))
        return 0
    print(f"{scores['split']} mIoU {scores['miou']:.2f}, pixel accuracy {scores['pixel_accuracy']:.2f}")
    return 0


def _predict(arguments: dict[str, Any], as_json: bool) -> int:
    done = api.predict(**arguments)
    if as_json:
        skipped = [{"file": str(path), "reason": reason} for path, reason in done.skipped]
        print(json_line({"written": [str(path) for path in done.written], "skipped": skipped}))
    else:
        _say(f"{len(done.written)} masks written to {arguments['out']}")
        for _, reason in done.skipped:
            _complain(f"skipped: {reason}")
    return _EXIT_SKIPS if done.skipped else 0


def _split(arguments: dict[str, Any], as_json: bool) -> int:
    from mutualseg.data.class_shares import format_rows, rows_to_json

    made = api.split(**arguments)
    counts = {
        "labeled": len(made.labeled),
        "unlabeled": len(made.unlabeled),
        "val": len(made.val),
        "test": len(made.test),
    }
    if as_json:
        facts = {"notes": list(made.notes), "classes": rows_to_json(made.class_rows)}
        print(json_line({"out": arguments["out"], **counts, **facts}))
        return 0
    if made.class_rows:
        print(shown_lines(format_rows(made.class_rows)), end="\n\n")
    for note in made.notes:
        _say(note)
    _say(f"{', '.join(f'{count} {part}' for part, count in counts.items())} -> {arguments['out']}")
    return 0


def _check(arguments: dict[str, Any], as_json: bool) -> int:
    from mutualseg.data.report_data import report_as_data
    from mutualseg.data.report_text import format_report

    report = api.check(**arguments)
    if as_json:
        print(json_line(report_as_data(report)))
    else:
        print(format_report(report))
    checked = report if report.copy is None else report.copy.report
    return 0 if checked.ok else _EXIT_FAULT


def _compare(arguments: dict[str, Any], as_json: bool) -> int:
    record = api.compare(**arguments)
    if as_json:
        print(json_line(record))
    else:
        from mutualseg.comparison.tables import table_text

        out = arguments["out"]
        print(shown_lines(table_text(record)))
        written = [name for name in ("table.md", "plot.png", "pictures.png") if Path(out, name).is_file()]
        _say(f"{', '.join(f'{out}/{name}' for name in written)}; all results: {out}/comparison.json")
    own = [row for row in record["runs"] if row["run"] in record["asked"]]  # not of an earlier call
    return _EXIT_SKIPS if any(row["status"] == "failed" or "test_reason" in row for row in own) else 0


_PERFORM = {
    "train": _train,
    "evaluate": _evaluate,
    "predict": _predict,
    "split": _split,
    "check": _check,
    "compare": _compare,
}
