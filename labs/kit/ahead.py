"""A pytest plugin: what another process runs of this session is not run again.

`labs test SLUG` has papermill run the lesson in a second process while nbval runs it in the
first. The second leaves its reports in a file; in the first they count as if its tests had
run there. A test of which no report came, because the process died, runs in the first.
"""

import contextlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labs.kit import material
from labs.kit.record import REPORT

LEAVE = "LABS_LEAVE_REPORTS"  # environment variable: the file that this process shall write
TAKE = "LABS_TAKE_REPORTS"  # the file that another one writes
ENDED = ".ended"  # after the name of that file: of one that says that the other has ended
PAUSE = 0.005  # seconds between two looks for it
PLUGIN = ("-p", "labs.kit.ahead")


@contextmanager
def begun(address: str, arguments: list[str], env: dict[str, str]) -> Iterator[dict[str, str]]:
    """Run pytest with `arguments` in a fork of the server at `address`, as long as the block lasts.

    Yields the variables with which another run takes its reports. Raises NoFork if no
    server answers.
    """
    from labs.kit.warm import command

    place = tempfile.TemporaryDirectory(prefix="mlops-labs-", ignore_cleanup_errors=True)
    with place as folder:  # the fork may write while it ends
        path = Path(folder) / "reports"
        own = {**env, LEAVE: str(path), REPORT: ""}
        with open(os.devnull, "r+b") as null:
            files = (null.fileno(),) * 3
            fork = command.begin(address, [*PLUGIN, *arguments], material.root(), own, files)

        def tell() -> None:
            with contextlib.suppress(OSError):  # the block has ended before
                fork.wait()
                Path(f"{path}{ENDED}").touch()

        watcher = threading.Thread(target=tell)
        watcher.start()
        try:
            yield {TAKE: str(path)}
        finally:
            fork.close()
            watcher.join()


def pytest_configure(config):
    """Leave reports or take them, as the environment says."""
    if path := os.environ.get(LEAVE):
        config.pluginmanager.register(Leaving(config, Path(path)), "labs-leaving")
    elif path := os.environ.get(TAKE):
        config.pluginmanager.register(Taking(config, Path(path)), "labs-taking")


class Leaving:
    """Writes each report as a line of JSON."""

    def __init__(self, config, path: Path):
        self.config, self.path = config, path

    def pytest_runtest_logreport(self, report):
        """Write one report, whole."""
        hook = self.config.hook
        data = hook.pytest_report_to_serializable(config=self.config, report=report)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(data) + "\n")


class Taking:
    """Reports runs of lessons that another process has done."""

    def __init__(self, config, path: Path):
        self.config, self.path = config, path

    def pytest_runtest_protocol(self, item):
        """Report what the other process reported of `item`, once it has ended; else run it."""
        if not item.get_closest_marker("lesson"):
            return None
        reports = [one for one in self._reports() if one["nodeid"] == item.nodeid]
        if not reports or reports[-1]["when"] != "teardown":
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for data in reports:
            hook = self.config.hook
            report = hook.pytest_report_from_serializable(config=self.config, data=data)
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _reports(self) -> list[dict]:
        while not Path(f"{self.path}{ENDED}").exists():
            time.sleep(PAUSE)
        if not self.path.exists():
            return []
        whole = self.path.read_text(encoding="utf-8").rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]
