"""How xdist spreads tests over workers: by file, long ones first, each run of a lesson apart."""

from xdist.scheduler import LoadFileScheduling

# A minute or more each. Begun last, one of them would run alone while other workers are idle.
LONG = (
    "test_exercises.py",
    "test_bootstrap.py",
    "test_batch_scoring.py",
    "test_warm_kernel_failures.py",
    "test_start.py",
    "test_book_accessibility.py",
    "test_book_in_browser.py",
)

# These start the same fork server, which takes a core for seconds: one worker has one for all.
TOGETHER = {"test_kernel_fingerprint.py", "test_warm_kernels.py", "test_warm_kernel_failures.py"}


class LessonsApart(LoadFileScheduling):
    """A file of tests stays on one worker, as a notebook must; papermill's runs need not."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        folder, _, name = file.rpartition("/")
        if name in TOGETHER:
            return f"{folder}/test_warm_kernel_failures.py"
        return nodeid if name == "test_lessons.py" else file

    def _assign_work_unit(self, node) -> None:
        for name in reversed(LONG):
            for scope in [scope for scope in self.workqueue if scope.endswith(name)]:
                self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)
