"""SLURM: a job that is about to be stopped puts itself back into the queue, and is known when it comes back.

`sbatch --signal=USR1@90` sends SIGUSR1 before the time is up, and also on preemption where the site does so.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping


def job_id(environment: Mapping[str, str]) -> str | None:
    """Return the name by which `scontrol` knows this job, None outside SLURM or of an interactive one."""
    if environment.get("SLURM_JOB_NAME") in ("bash", "interactive"):
        return None
    array, task = environment.get("SLURM_ARRAY_JOB_ID"), environment.get("SLURM_ARRAY_TASK_ID")
    if array is not None and task is not None:
        return f"{array}_{task}"
    return environment.get("SLURM_JOB_ID")


def job_note(job: str | None) -> str | None:
    """Return what config.yaml says of the job that began a run."""
    return None if job is None else f"begun by the SLURM job {job}"


def is_requeued() -> bool:
    """Whether SLURM has started this job before."""
    count = os.environ.get("SLURM_RESTART_COUNT", "0")
    return job_id(os.environ) is not None and count.isdigit() and int(count) > 0


def requeue(job: str) -> str | None:
    """Put a job back into the queue; return None if that worked, else why not."""
    try:
        done = subprocess.run(
            ["scontrol", "requeue", job], capture_output=True, text=True, check=False, timeout=60
        )
    except FileNotFoundError:
        return "there is no scontrol here"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"scontrol failed: {type(error).__name__}"
    if done.returncode == 0:
        return None
    return " ".join(done.stderr.split()) or f"scontrol ended with {done.returncode}"
