"""How xdist spreads tests over workers: by file, but each run of a lesson on its own."""

from xdist.scheduler import LoadFileScheduling


class LessonsApart(LoadFileScheduling):
    """A file of tests stays on one worker, as a notebook must; papermill's runs need not."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return nodeid if file.endswith("test_lessons.py") else file
