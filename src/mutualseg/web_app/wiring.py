"""The page's controls in Gradio, and which action of the viewer each calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from mutualseg.web_app.networks import AppNetwork
from mutualseg.web_app.page import render_classes, render_heading, render_stage
from mutualseg.web_app.viewer import Dropped, View, Viewer

VIEWS = {
    "Overlay": "overlay",
    "Classes": "classes",
    "Confidence": "confidence",
    "Photo": "photo",
    "Differences": "differences",
}
"""What the pictures show: on the page, and in its style sheet."""
OPACITY = 55
"""Percent, as in the overlays of every other picture."""
FOLDER, DROPPED = "folder", "dropped"

# These act in the browser alone: the pictures of all views are there, and nothing is sent.
_SHOW_VIEW = f"(view) => {{ document.documentElement.dataset.view = ({json.dumps(VIEWS)})[view]; }}"
_SET_OPACITY = "(percent) => { document.documentElement.style.setProperty('--opacity', percent / 100); }"
_FETCH = """(address) => {
  if (!address) return;
  const link = document.createElement('a');
  link.href = address;
  link.download = '';
  document.body.append(link);
  link.click();
  link.remove();
}"""


def views_of(networks: Sequence[AppNetwork]) -> list[str]:
    """Return what the pictures may show."""
    return [name for name in VIEWS if len(networks) > 1 or name != "Differences"]


def received(payload: Any) -> list[Dropped]:
    """Return the files that Gradio's field for files was given, with the names that visitors know."""
    files = [] if payload is None else list(getattr(payload, "root", None) or [payload])
    return [Dropped(Path(file.path), str(file.orig_name or Path(file.path).name)) for file in files]


class Controls:
    """What is on the page, in the order in which it stands there; made inside a `gr.Blocks`.

    Args:
        viewer: says what there is.
        limits: what may be dropped, in words.
        may_add_networks: whether visitors may name another network, which is a path on this machine.
    """

    def __init__(self, viewer: Viewer, *, limits: str, may_add_networks: bool) -> None:
        self.heading = gr.HTML(elem_id="heading", apply_default_css=False)
        with gr.Row():
            with gr.Column(scale=1, min_width=270):
                self.files = gr.File(label="Images", file_count="multiple", height=150, elem_id="files")
                # By itself it tells no names. A class of our own would make Gradio write a file beside it.
                self.files.preprocess = received  # type: ignore[method-assign, assignment]
                gr.HTML(f"<p class=soft>{limits}</p>", apply_default_css=False, elem_id="limits")
                self.source = gr.Radio(
                    [("the folder", FOLDER), ("dropped images", DROPPED)],
                    value=FOLDER,
                    label="Show",
                    visible=bool(viewer.folder),
                    elem_id="source",
                )
                self.other = gr.Textbox(
                    label="Compare with",
                    placeholder="run folder, weights file or hf://NAME",
                    visible=may_add_networks,
                    submit_btn="Compare",
                    max_lines=1,
                    elem_id="other",
                )
                self.save = gr.Button("Download masks (zip)", elem_id="save")
                self.clear = gr.Button("Remove dropped images", visible=False, elem_id="clear")
                self.address = gr.Textbox(visible=False)
            with gr.Column(scale=4, min_width=320):
                with gr.Row(elem_id="paging"):
                    self.back = gr.Button("Previous", min_width=80, elem_id="back")
                    self.number = gr.Number(
                        1, label="Image", precision=0, minimum=1, min_width=100, elem_id="number"
                    )
                    self.on = gr.Button("Next", min_width=80, elem_id="next")
                self.view = gr.Radio(
                    views_of(viewer.networks.given), value="Overlay", label="View", elem_id="view"
                )
                self.opacity = gr.Slider(
                    0, 100, OPACITY, step=1, label="Opacity of the overlay (%)", elem_id="opacity"
                )
                self.stage = gr.HTML(elem_id="stage", apply_default_css=False)
                self.classes = gr.HTML(elem_id="classes", apply_default_css=False)

    def shown(self) -> list[Any]:
        """Return what every action may change, in the order of `changes`."""
        return [
            *(self.heading, self.stage, self.classes, self.number),
            *(self.back, self.on, self.source, self.save, self.clear, self.view),
        ]


def changes(view: View, *, has_folder: bool) -> list[Any]:
    """Return what the page shows after an action."""
    is_paged = view.total > 1
    return [
        render_heading(view.networks),
        render_stage(view),
        render_classes(view),
        gr.Number(
            value=view.position + 1,
            label=f"Image of {view.total}",
            maximum=max(1, view.total),
            visible=is_paged,
        ),
        gr.Button(interactive=view.position > 0, visible=is_paged),
        gr.Button(interactive=view.position + 1 < view.total, visible=is_paged),
        gr.Radio(value=FOLDER if view.shows_folder else DROPPED, visible=has_folder),
        gr.Button(interactive=view.total > 0),
        gr.Button(visible=view.dropped > 0),
        gr.Radio(choices=views_of(view.networks)),
    ]


def make_page(viewer: Viewer, *, limits: str, may_add_networks: bool) -> gr.Blocks:
    """Return the page of an app; arguments as in `Controls`."""
    has_folder = bool(viewer.folder)
    with gr.Blocks(title="mutualseg app", analytics_enabled=False, delete_cache=(600, 3600)) as page:
        own = Controls(viewer, limits=limits, may_add_networks=may_add_networks)

        def on(
            event: Callable[..., Any], action: Callable[..., Any], *inputs: Any, also: Sequence[Any] = ()
        ) -> Any:
            return event(
                action,
                inputs=list(inputs) or None,
                outputs=[*own.shown(), *also],
                api_visibility="private",
                concurrency_id="viewer",
                concurrency_limit=1,
                show_progress_on=own.stage,
            )

        def show(view: View) -> list[Any]:
            return changes(view, has_folder=has_folder)

        def open_page(request: gr.Request) -> list[Any]:
            view = viewer.open(_page(request))
            return [*show(view), viewer.compared(_page(request)) or ""]

        def drop(files: list[Dropped], request: gr.Request) -> list[Any]:
            return [*show(viewer.drop(_page(request), files)), None]

        def go(number: float | None, request: gr.Request) -> list[Any]:
            now = viewer.position(_page(request))
            if number == now + 1:  # the field was left as it was
                return [gr.skip()] * len(own.shown())
            return show(viewer.go(_page(request), now if number is None else int(number) - 1))

        def go_back(request: gr.Request) -> list[Any]:
            return show(viewer.step(_page(request), -1))

        def go_on(request: gr.Request) -> list[Any]:
            return show(viewer.step(_page(request), 1))

        def clear(request: gr.Request) -> list[Any]:
            return show(viewer.clear(_page(request)))

        def choose(source: str, request: gr.Request) -> list[Any]:
            return show(viewer.show_folder(_page(request), source == FOLDER))

        def compare(address: str, request: gr.Request) -> list[Any]:
            return show(viewer.compare(_page(request), address if may_add_networks else ""))

        def save(request: gr.Request, progress: gr.Progress = gr.Progress()) -> list[Any]:  # noqa: B008
            address, view = viewer.zip_masks(
                _page(request), lambda done, total: progress((done, total), unit="images")
            )
            return [*show(view), address or ""]

        on(page.load, open_page, also=[own.other])
        on(own.files.upload, drop, own.files, also=[own.files])
        on(own.back.click, go_back)
        on(own.on.click, go_on)
        on(own.number.submit, go, own.number)
        on(own.number.blur, go, own.number)
        on(own.source.input, choose, own.source)
        on(own.other.submit, compare, own.other)
        on(own.clear.click, clear)
        on(own.save.click, save, also=[own.address]).then(
            None, inputs=own.address, js=_FETCH, api_visibility="private"
        )
        own.view.change(None, inputs=own.view, js=_SHOW_VIEW, api_visibility="private")
        own.opacity.change(None, inputs=own.opacity, js=_SET_OPACITY, api_visibility="private")
    made: gr.Blocks = page
    return made


def _page(request: gr.Request) -> str:
    return str(request.session_hash)
