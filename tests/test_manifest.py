"""The manifest: what it gives, and what it says when it is wrong."""

import pytest

from labs.kit import manifest
from labs.kit.errors import UserError

GOOD = """
title = "A course"
[tracks.one]
title = "One"
description = "The first."
[[lessons]]
slug = "begin"
track = "one"
title = "Begin"
minutes = 15
objectives = ["do it"]
parameters = {seed = 2}
[[lessons]]
slug = "go-on"
track = "one"
title = "Go on"
minutes = 20
objectives = ["do more"]
needs = ["begin"]
"""


def read(tmp_path, text):
    path = tmp_path / "course.toml"
    path.write_text(text, encoding="utf-8")
    return manifest.read(path)


def test_order_gives_numbers_and_paths(tmp_path):
    course = read(tmp_path, GOOD)
    begin, go_on = course.lessons
    assert begin.path.as_posix() == "notebooks/one/begin.ipynb"
    assert course.workspace_path(go_on).as_posix() == "1-one/02-go-on.ipynb"
    assert course.lesson("begin").parameters == {"seed": 2}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("minutes = 15", "minutes = 0", "lesson 'begin': minutes is 0; write a whole number"),
        ("minutes = 15", 'minutes = "15"', "lesson 'begin': minutes is '15'"),
        ("minutes = 15", "", "lesson 'begin': minutes is None"),
        ('slug = "begin"', 'slug = "Begin it"', "the slug is 'Begin it'"),
        ('slug = "begin"', "", "lesson number 1: slug is missing"),
        ('slug = "go-on"', 'slug = "begin"', "lesson 'begin': the slug is used twice"),
        ('track = "one"', 'track = "two"', "track is 'two'; write one of one"),
        ('needs = ["begin"]', 'needs = ["go-on"]', "needs 'go-on'; write the slug of a lesson"),
        ('needs = ["begin"]', 'neds = ["begin"]', "'neds' is not a field; did you mean 'needs'"),
        ('objectives = ["do it"]', "objectives = []", "objectives is []"),
        ("parameters = {seed = 2}", "parameters = 3", "parameters is 3"),
        ('title = "One"', "", "track 'one': title is missing"),
        ('title = "A course"', 'title = "A course', "not valid TOML"),
    ],
)
def test_errors_name_the_entry_the_value_and_the_remedy(tmp_path, before, after, said):
    assert before in GOOD
    with pytest.raises(UserError) as error:
        read(tmp_path, GOOD.replace(before, after, 1))
    assert said in str(error.value)
    assert str(tmp_path / "course.toml") in str(error.value)


def test_a_missing_manifest_says_so(tmp_path):
    with pytest.raises(UserError, match="the manifest is missing; restore it"):
        manifest.read(tmp_path / "course.toml")


def test_an_unknown_slug_suggests_the_nearest(tmp_path):
    with pytest.raises(UserError, match="no lesson 'begn'; did you mean 'begin'"):
        read(tmp_path, GOOD).lesson("begn")


EXERCISE = """
[[exercises]]
slug = "price-it"
track = "one"
title = "Price it"
minutes = 10
objectives = ["do it alone"]
points = 3
hints = ["Begin."]
parameters = {seed = 2, name = "north"}
drawn = {seed = [1, 99]}
"""


def test_an_exercise_says_what_is_drawn_for_each_learner(tmp_path):
    (exercise,) = read(tmp_path, GOOD + EXERCISE).exercises
    assert exercise.drawn == {"seed": (1, 99)}
    (exercise,) = read(tmp_path, GOOD + EXERCISE.replace("drawn = {seed = [1, 99]}", "")).exercises
    assert exercise.drawn == {}


@pytest.mark.parametrize(
    ("drawn", "said"),
    [
        ("7", "drawn is 7; write drawn = {seed = [1, 9999]}"),
        ("{rows = [1, 9]}", "drawn has 'rows', no whole number in parameters; draw one of seed"),
        ("{name = [1, 9]}", "drawn has 'name', no whole number"),
        ("{seed = [9, 1]}", "write seed = [1, 9999], lowest and highest"),
        ("{seed = [1.5, 9]}", "drawn has seed = [1.5, 9]"),
        ("{seed = 3}", "drawn has seed = 3"),
    ],
)
def test_a_draw_that_cannot_be_made_is_named(tmp_path, drawn, said):
    with pytest.raises(UserError) as told:
        read(tmp_path, GOOD + EXERCISE.replace("{seed = [1, 99]}", drawn))
    assert said in str(told.value)
