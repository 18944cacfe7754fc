"""What lessons show: described pictures, and sliders that follow and leave a picture."""

import pytest
from matplotlib.figure import Figure

from labs.kit.display import WIDGET_VIEW, explore, picture
from labs.kit.execute import environment, execute
from labs.kit.normalise import normalise

SLIDER = """
import ipywidgets
from labs.kit.display import explore
slider = ipywidgets.IntSlider(value=3, min=0, max=9, description="rows")
explore(lambda rows: f"<b>{rows} rows</b>", rows=slider)
"""
MOVED = """
below = slider.get_state()["value"], [w for w in ipywidgets.HTML.widgets.values()
                                      if isinstance(w, ipywidgets.HTML)][-1]
slider.value = 5
print(below[1].value)
"""


def test_a_picture_says_what_it_shows():
    html = picture(Figure(figsize=(1, 1)), alt='The cost "falls" and rises')
    assert html.startswith('<img alt="The cost &quot;falls&quot; and rises" src="data:image/png')
    with pytest.raises(ValueError, match="write a sentence that says"):
        picture(Figure(), alt="plot")


def test_the_view_follows_a_control_and_is_stored_without_a_kernel(tmp_path):
    import nbformat

    new = nbformat.v4
    cells = [new.new_code_cell(text) for text in (SLIDER, MOVED)]
    done = execute(new.new_notebook(cells=cells), "slider", environment(tmp_path))
    shown = done.cells[0].outputs[-1].data
    assert WIDGET_VIEW in shown
    assert done.cells[1].outputs[0].text.strip() == "<b>5 rows</b>"
    stored = normalise(done).cells[0].outputs[-1].data
    assert stored == {"text/html": "<b>3 rows</b>", "text/plain": "An interactive view"}


def test_explore_is_for_lessons():
    with pytest.raises(TypeError):
        explore()
