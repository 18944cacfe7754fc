"""What a lesson shows: figures with alternative text, and sliders that leave a picture."""

import base64
import html
import io
import struct
from collections.abc import Callable
from typing import Any

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
DOTS_PER_INCH = 110  # sharp on a laptop screen, about 20 kB a figure


def picture(figure: Any, alt: str) -> str:
    """A matplotlib figure as an HTML image with alternative text `alt`.

    The figure is closed. Raises ValueError if `alt` says nothing: a reader who
    cannot see the figure has only this sentence.
    """
    if len(alt.split()) < 3:
        raise ValueError(f"alt is {alt!r}; write a sentence that says what the figure shows")
    import matplotlib.pyplot as plt

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, bbox_inches="tight")
    plt.close(figure)
    data = base64.b64encode(bare_png(buffer.getvalue())).decode()
    return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{data}">'


def bare_png(png: bytes) -> bytes:
    """`png` without its text chunks, so that equal pictures are equal bytes."""
    signature, place, chunks = png[:8], 8, []
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        chunk = png[place : place + 12 + length]
        if chunk[4:8] not in (b"tEXt", b"zTXt", b"iTXt", b"tIME"):
            chunks.append(chunk)
        place += 12 + length
    return signature + b"".join(chunks)


def show(figure: Any, alt: str) -> None:
    """Display a matplotlib figure with alternative text, in JupyterLab and in the book."""
    from IPython.display import HTML, display

    display(HTML(picture(figure, alt)))


def explore(view: Callable[..., str], **controls: Any) -> None:
    """Show `controls` (ipywidgets) above the HTML that `view(**values)` returns.

    The HTML follows every change of a control. Where no kernel runs, in the book
    or in a notebook just opened, the output is the HTML of the first state.
    """
    import ipywidgets
    from IPython.display import display

    def current() -> str:
        return view(**{name: control.value for name, control in controls.items()})

    first = current()
    below = ipywidgets.HTML(first)
    for control in controls.values():
        control.observe(lambda change: setattr(below, "value", current()), names="value")
    box = ipywidgets.VBox([*controls.values(), below])
    display({**_view(box), "text/html": first, "text/plain": "An interactive view"}, raw=True)


def _view(widget: Any) -> dict[str, Any]:
    bundle = widget._repr_mimebundle_()
    return {WIDGET_VIEW: bundle[WIDGET_VIEW]}
