"""The parts of a batch run: each whole or absent, and joined to one file at the end.

Beside the target `scores.csv` lie, while a run lasts, `scores.csv.parts/`, and
afterwards `scores.csv.run.json`, the record of what the target was made from.
"""

import hashlib
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from labs.deployment.chunks import write_tables
from labs.deployment.events import EventLog
from labs.deployment.files import read_json, sha256, write_json, write_whole

CHANGES = {  # what a run is made from, and how to say that it is another now
    "data": "the input changed",
    "model": "the model was {before} and is {after}",
    "version": "the model was version {before} and is version {after}",
    "uuid": "the model was logged again",
    "chunk_rows": "chunk_rows was {before} and is {after}",
    "keep": "other columns are to be kept",
}


class Parts:
    """The run that `plan` describes into `target`, and what earlier runs left of it.

    Raises FileExistsError if `target` is a file that no run has written.
    """

    def __init__(self, target: Path, plan: Mapping):
        self.target, self.plan = target, dict(plan)
        self.folder = target.with_name(f"{target.name}.parts")
        self.record_path = target.with_name(f"{target.name}.run.json")
        self.record = read_json(self.record_path)
        self.begun = read_json(self.folder / "plan.json")
        if target.exists() and not self.record and not self.begun:
            raise FileExistsError(
                f"{target}: a file is there that no run has written; "
                "move it away, or name another target"
            )

    def is_finished(self) -> bool:
        """Whether the target is what this plan gives, and is as it was written."""
        if not self.record or changes(self.record, self.plan) or not self.target.exists():
            return False
        return sha256(self.target) == self.record["sha256"]

    def begin(self) -> str:
        """Keep the parts that are of this plan, drop others; the reason, in words."""
        found = changes(self.begun or self.record or self.plan, self.plan)
        if self.begun and not found:
            self.plan = self.begun
            return "going on where a run had stopped"
        self.folder.mkdir(parents=True, exist_ok=True)
        for part in self.folder.glob("*.arrow*"):  # before the plan: no part outlives its plan
            part.unlink()
        self.plan["run"] = secrets.token_hex(8)
        write_json(self.folder / "plan.json", self.plan)
        if found:
            return f"anew, because {' and '.join(found)}"
        return "anew, because the target is not as it was written" if self.record else "all new"

    def has(self, number: int) -> bool:
        """Whether the part is there."""
        return self._path(number).exists()

    def add(self, number: int, table: pa.Table) -> None:
        """Keep `table` as a part."""
        write_whole(self._path(number), lambda stream: write_tables([table], stream, ".arrow"))

    def join(self, count: int) -> None:
        """Put the first `count` parts together as the target."""
        tables = (_read(self._path(number)) for number in range(count))
        write_whole(self.target, lambda stream: write_tables(tables, stream, self.target.suffix))

    def append_once(self, log: EventLog, *, rows: int, why: str, actor: str, at: datetime | None):
        """One event in `log` for this run, however often it was killed."""
        plan = self.plan
        earlier = log.table(plan["model"], "deploy")["details"]
        if any(event.get("run") == plan["run"] for event in earlier):
            return
        facts = {"target": "batch", "run": plan["run"], "data": plan["data"], "rows": rows}
        log.append(
            "deploy", plan["model"], after=plan["version"], why=why, actor=actor, at=at, **facts
        )

    def finish(self, rows: int, count: int) -> None:
        """Write the record, then remove the parts, which nobody needs any more."""
        facts = {"rows": rows, "chunks": count, "sha256": sha256(self.target)}
        self.record = {**self.plan, **facts}
        write_json(self.record_path, self.record)
        self.tidy()

    def tidy(self) -> None:
        """Remove the parts."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06}.arrow"


def changes(before: Mapping, after: Mapping) -> list[str]:
    """What differs between two plans, in words."""
    found = [key for key in CHANGES if before.get(key) != after[key]]
    if "uuid" in found and len({"model", "version", "uuid"} & set(found)) > 1:
        found.remove("uuid")  # another model or version was logged on its own, of course
    return [CHANGES[key].format(before=before.get(key), after=after[key]) for key in found]


def lock_of(target: Path) -> Path:
    """A lock file for `target`, outside its folder, which stays tidy."""
    name = hashlib.sha256(str(target).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"labs-batch-{name}.lock"


def _read(path: Path) -> pa.Table:
    with pa.ipc.open_file(path) as reader:
        return reader.read_all()
