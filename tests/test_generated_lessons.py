"""The lessons that `labs bench lessons` generates run, and run again to the same bytes."""

import nbformat

from labs.kit import material


def test_generated_lessons_are_stored_as_a_lesson_is(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(material.root() / "tests" / "benchmarks"))
    import generated_lessons

    first, second = generated_lessons.write(tmp_path, 2)
    stored = first.read_bytes()
    assert generated_lessons.write(tmp_path, 1) == [first] and first.read_bytes() == stored
    code = [cell for cell in nbformat.read(second, 4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
