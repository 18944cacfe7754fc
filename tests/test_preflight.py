"""A preflight says go or no-go for each demo of the cut, with the reason and the remedy."""

import socket
import sqlite3

import pytest
import tiny_talk
from tiny_talk import slide

from labs.kit import doctor, pins, record
from labs.kit.talk import demos, offline, preflight, rehearsal, show, talks, timing

ASKS = "import urllib.request\n\nurllib.request.urlopen('http://example.org', timeout=5)"
COPES = f"try:\n    {ASKS.splitlines()[2]}\nexcept OSError:\n    print('we go on')"


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.setenv("LABS_MATERIAL", str(tmp_path / "material"))
    monkeypatch.setenv("LABS_BUILD", str(tmp_path / "build"))
    monkeypatch.setenv("LABS_KERNELS", "cold")
    return tmp_path / "material"


def test_each_demo_is_run_offline_and_judged(course, monkeypatch):
    monkeypatch.setattr(rehearsal, "LEAST", 3.0)  # seconds until the one that hangs is stopped
    tiny_talk.write(
        course,
        slide("adds", "print(sum(numbers))", "3\n"),
        slide("asks", ASKS),
        slide("copes-without-a-network", COPES, "we go on\n"),
        slide("imports", "import not_installed_here"),
        slide("waits", "import time\n\ntime.sleep(1.2)", minutes=0.02),
        slide("hangs", "time.sleep(600)", minutes=0.02),
        slide("drifted", "print(sum(numbers))", "4\n"),
        slide("recovers", "print('still here')", "still here\n"),
    )
    ran = {one.demo.cell.id: one for one in rehearsal.run(talks.read("add-numbers", 15))}
    found = {name: preflight.judged(one) for name, one in ran.items()}
    assert [name for name, one in found.items() if one.go] == [
        "adds",
        "copes-without-a-network",
        "recovers",
    ]
    assert "it asks another machine" in found["asks"].text
    assert "a room may be offline" in found["asks"].remedy
    assert found["imports"].remedy.startswith("not_installed_here is not installed.")
    assert "more minutes" in found["waits"].remedy and "more minutes" in found["hangs"].remedy
    assert "it failed with KeyboardInterrupt" in ran["hangs"].problem
    assert found["drifted"].text == "it says '3', the slide '4'"
    assert "labs test add-numbers" in found["drifted"].remedy


def test_a_port_in_use_and_a_broken_registry_are_found(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(doctor.Problem) as problem:
            preflight.port_for(tmp_path, taken.getsockname()[1])
    assert "--port" in problem.value.remedy

    assert "makes one" in preflight.registry(tmp_path / "none.db")
    half = tmp_path / "half.db"
    with sqlite3.connect(half) as connection:
        connection.execute("CREATE TABLE experiments (id)")
    (tmp_path / "no.db").write_bytes(b"not a database, but long enough to be read as one" * 30)
    for broken in (half, tmp_path / "no.db"):
        with pytest.raises(doctor.Problem) as problem:
            preflight.registry(broken)
        assert problem.value.remedy.startswith(f"Delete {broken}")


def test_a_missing_package_is_found_before_any_demo(course, tmp_path, monkeypatch):
    tiny_talk.write(course, slide("adds", "print(sum(numbers))", "3\n"))
    for group in pins.read():
        (tmp_path / f"{group}.txt").touch()
    (tmp_path / "default.txt").write_text(
        "not-installed-here==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\n"
    )
    monkeypatch.setattr(doctor, "packages", lambda check=doctor.packages: check(tmp_path))
    found = {one.name: one for one in preflight.machine(talks.read("add-numbers", 15), 8888)}
    assert "not-installed-here 1.0 is missing" in found["packages"].text
    assert not found["packages"].go and found["disk"].go


def test_only_this_machine_is_here():
    for host in ("localhost", "127.0.0.1", "127.3.2.1", "::1"):
        assert offline.is_here(host)
    for host in ("example.org", "10.0.0.1", "192.168.1.7"):
        assert not offline.is_here(host)


def test_the_run_of_show_adds_up_and_says_how_long_demos_took(course):
    tiny_talk.write(course, slide("adds", "print(sum(numbers))", "3\n"), slide("more", "1 + 1"))
    talk = talks.read("add-numbers", 15)
    first, second = demos.of(talk)
    assert [cell.id for cell in first.steps] == ["numbers"] and second.steps == ()
    assert timing.of(first) is None and timing.untimed([first, second]) == ["add-numbers"]

    cells = {"numbers": 2.0, "adds": 0.5, "more": 0.25}
    both = {"nbval": "passed", "papermill": "passed", "seconds": 3.0, "cells": cells}
    record.add({"add-numbers": both}, {})
    assert timing.of(first).waited(first) == 0.5, "its steps are run before the talk"
    assert timing.untimed([first, second]) == []

    rows = show.rows(talk)
    assert rows[-1].begins + rows[-1].minutes == sum(one.minutes for one in talks.slides(talk))
    (row,) = [one for one in rows if one.demo.startswith("Demo 1")]
    assert (row.say, row.fallback) == ("Say it. Ask.", "The sum.")
    assert "took 0.5 s" in row.demo and "after 2 s of preparing" in row.demo
    assert len(show.markdown(talk).splitlines()) == len(rows) + 6
    assert show.page(talk).count("<tr>") == len(rows) + 1
