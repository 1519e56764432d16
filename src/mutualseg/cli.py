"""The command `mutualseg`: from its words to an exit code, whatever happens in between."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from io import TextIOWrapper

from mutualseg import __version__
from mutualseg.command_line.parsing import parse_verb
from mutualseg.command_line.printing import EXIT_FAULT, complain
from mutualseg.command_line.verbs import PERFORM, VERBS
from mutualseg.engine.late_signals import FirstSignal, signals_to
from mutualseg.errors import ConfigError, Interrupted, MutualSegError, cure_of, is_disk_full
from mutualseg.nearest import nearest_name
from mutualseg.shell_lines import resume_line

_EXIT_SIGNALS = {"SIGINT": 130, "SIGTERM": 143, "SIGUSR1": 138}

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
        complain(f"mutualseg: {error}")
        return EXIT_FAULT
    except Interrupted as stopped:
        advice = stopped.advice or " before there was anything to save; start again"
        if stopped.run and not stopped.advice:
            advice = f" and saved; continue with: {resume_line(stopped.run)}"
        if str(stopped) == "SIGUSR1":
            advice = _requeued(advice)
        complain(f"mutualseg: stopped by {stopped}{advice}")
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
        complain(f"mutualseg: {place} cannot be used ({reason}); {advice}.")
        return EXIT_FAULT


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
        print(_HELP.format(verbs="\n".join(f"  {verb:<10} {text}" for verb, text in VERBS.items())))
        return 0 if arguments else EXIT_FAULT
    if arguments[0] == "--version":
        print(f"mutualseg {__version__}")
        return 0
    verb, rest = arguments[0], arguments[1:]
    if verb not in VERBS:
        raise ConfigError(
            f"There is no verb '{verb}'; did you mean '{nearest_name(verb, VERBS)}'? "
            f"The verbs are {', '.join(VERBS)}."
        )
    parsed = parse_verb(verb, VERBS[verb], rest)
    if parsed is None:  # help was printed
        return 0
    # Of a run that goes on it matters what was given, be it a default.
    given = parsed.given_arguments() if verb == "train" else parsed.arguments
    return PERFORM[verb](given, parsed.as_json)
