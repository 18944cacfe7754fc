"""What a server tells Prometheus: requests, predictions, versions, problems, CPU and memory."""

import sys
import time
from collections.abc import Iterator, Sequence
from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from labs.deployment.batching import Batcher, Call
from labs.deployment.live import Live

SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096)


class Metrics:
    """The numbers of one server; `text` is what Prometheus scrapes."""

    def __init__(self, live: Live):
        self._registry = CollectorRegistry()
        self._live = live
        self.batcher: Batcher | None = None
        of = {"registry": self._registry}
        requests = Counter(
            "labs_requests", "Requests answered", ["model", "version", "status"], **of
        )
        seconds = Histogram(
            "labs_request_seconds", "From headers to answer", ["model"], buckets=SECONDS, **of
        )
        batches = Histogram(
            "labs_predict_rows", "Rows predicted together", ["model"], buckets=ROWS, **of
        )
        busy = Counter("labs_predict_seconds", "Seconds spent predicting", ["model"], **of)
        self._requests, self._seconds = cache(requests.labels), cache(seconds.labels)
        self._batches, self._busy = cache(batches.labels), cache(busy.labels)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)  # CPU and memory, where there is a /proc

    def answered(self, model: str, version: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests(model, version, status).inc()
        self._seconds(model).observe(seconds)

    def predicted(self, calls: Sequence[Call], seconds: float) -> None:
        """Told by the batcher, from its thread."""
        name = calls[0].predictor.name
        self._batches(name).observe(sum(call.rows for call in calls))
        self._busy(name).inc(seconds)

    def text(self) -> bytes:
        """All metrics in the text format of Prometheus."""
        return generate_latest(self._registry)

    def collect(self):
        """The gauges, read at the moment of the scrape."""
        live = self._live
        up = GaugeMetricFamily("labs_registry_up", "Whether the registry could be read")
        up.add_metric([], float(live.registry_problem is None))
        waiting = GaugeMetricFamily("labs_requests_waiting", "Requests that wait for a prediction")
        waiting.add_metric([], float(self.batcher.waiting if self.batcher else 0))
        running = GaugeMetricFamily("labs_predicting", "Whether a prediction is running")
        running.add_metric([], float(bool(self.batcher and self.batcher.begun)))
        failed = GaugeMetricFamily("labs_failed_loads", "Versions that did not become live")
        failed.add_metric([], float(live.failed_loads))
        names = ["model", "version", "role"]
        info = GaugeMetricFamily(
            "labs_live_version", "1 for each version that is live", labels=names
        )
        for role, versions in (("champion", live.champions), ("challenger", live.challengers)):
            for name, version in list(versions.items()):
                info.add_metric([name, version.number, role], 1.0)
        problem = GaugeMetricFamily(
            "labs_model_problem", "1 if the wanted version is not live", labels=["model"]
        )
        for name in list(live.problems):
            problem.add_metric([name], 1.0)
        yield from _cpu_elsewhere(sys.platform)
        yield from (up, waiting, running, failed, info, problem)


def _cpu_elsewhere(platform: str) -> Iterator[CounterMetricFamily]:
    """The processor time of this process, where ProcessCollector finds no /proc to read."""
    if not platform.startswith("linux"):
        spent = CounterMetricFamily("process_cpu_seconds", "Processor time of this process")
        spent.add_metric([], time.process_time())
        yield spent
