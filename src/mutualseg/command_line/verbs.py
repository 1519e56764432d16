"""The verbs: what each is for, and what performs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mutualseg.command_line.app_verb import perform_app
from mutualseg.command_line.data_verbs import perform_check, perform_split
from mutualseg.command_line.distill_verb import perform_distill
from mutualseg.command_line.export_verb import perform_export
from mutualseg.command_line.report_verb import perform_report
from mutualseg.command_line.sharing_verbs import perform_push
from mutualseg.command_line.suggesting_verbs import perform_suggest
from mutualseg.command_line.training_verbs import perform_compare, perform_train
from mutualseg.command_line.using_verbs import perform_evaluate, perform_predict

VERBS = {
    "check": "look a data folder over and name what is wrong with it",
    "split": "choose labeled and held-out images ahead",
    "train": "train a network from labeled and unlabeled images",
    "evaluate": "score a trained network on the val or test part",
    "compare": "train several methods, label amounts and seeds, in one table",
    "report": "write a page of one run or several to look at",
    "predict": "segment images with a trained network",
    "app": "serve a page to try a network on images, or to compare two",
    "suggest": "choose which images to label next, with masks to begin with",
    "export": "write a trained network as one ONNX or pt2 file for other programs",
    "distill": "teach a small network what a finished run knows",
    "push": "publish a trained network on the Hugging Face Hub",
}
"""What each verb is for, in the order of `--help`."""

PERFORM: Mapping[str, Callable[[dict[str, Any], bool], int]] = {
    "check": perform_check,
    "split": perform_split,
    "train": perform_train,
    "evaluate": perform_evaluate,
    "compare": perform_compare,
    "report": perform_report,
    "predict": perform_predict,
    "app": perform_app,
    "suggest": perform_suggest,
    "export": perform_export,
    "distill": perform_distill,
    "push": perform_push,
}
"""Verb to what performs it: arguments of the `api` function and whether JSON is wanted, to the exit code."""
