"""Counts calls, batches and caches, for Prometheus."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from samekind import __version__
from samekind.queries import SearchReport
from samekind.recommendations import RecommendationReport, Recorded
from samekind_server.edge.handlers import Call
from samekind_server.edge.health import HealthServicer
from samekind_server.embedding.batcher import Queue
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.observer import Drop, Shed

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
BYTES = tuple(4.0**power for power in range(4, 15))
CALL, TOWER, LANE = ("method", "code"), ("model", "tower"), ("model", "tower", "lane")
SCORED = (10, 50, 100, 250, 500, 1000, 2500, 5000)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
Sample = tuple[tuple[str, ...], float]
Samples = Callable[[], Iterable[Sample]]


@dataclass(frozen=True)
class Row:
    """A metric, as docs/operations.md tells of it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


class Metrics:
    """All that is counted; an Observer of the engine, and a layer around calls. For one event loop.

    `succeeded` is when a model last answered, on the clock of `time.monotonic`.
    """

    def __init__(self) -> None:
        self.succeeded = -math.inf
        disable_created_metrics()  # type: ignore[no-untyped-call] # A second series for each, which says nothing more.
        self.registry = CollectorRegistry()
        self.rows: list[Row] = []
        self._calls = self._histogram("samekind_call_seconds", "seconds a call took, from its first byte read to its last answer", SECONDS, *CALL)
        self._under_way = self._gauge("samekind_calls_under_way", "calls begun and not ended", "method")
        self._request_bytes = self._histogram("samekind_request_bytes", "bytes a call sent, streams as a whole", BYTES, "method")
        self._contents = self._counter("samekind_contents_total", "contents that calls sent", "method")
        self._batches = self._histogram("samekind_batch_rows", "contents that one call of a model's tower computed together", ROWS, *TOWER)
        self._model = self._histogram("samekind_model_seconds", "seconds one call of a model's tower took", SECONDS, *TOWER)
        self._waited = self._histogram("samekind_wait_seconds", "seconds a decoded content waited for its model", SECONDS, *TOWER)
        self._failed = self._counter("samekind_failed_total", "contents that a model's tower could not compute: a fault in the model", *TOWER)
        self._dropped = self._counter("samekind_dropped_total", "contents dropped before the model ran for them, and why", *TOWER, "why")
        self._restarted = self._counter("samekind_restarts_total", "times a tower hung or its worker died and was started anew", *TOWER)
        self._shed = self._counter("samekind_shed_total", "requests refused as too much work, by what there was too much of", "why")
        self._searches = self._histogram("samekind_search_seconds", "seconds a query's search of its catalog's indexes took", SECONDS, "how")
        self._recommendations = self._histogram("samekind_recommend_seconds", "seconds finding and scoring of recommendations took", SECONDS, "by")
        self._candidates = self._histogram("samekind_recommend_candidates", "items that were scored for an answer", SCORED, "by")
        self._events = self._counter("samekind_events_total", "events that calls sent, and what became of them", "became")
        self._learned = self._histogram("samekind_learn_seconds", "seconds learning from a catalog's events took", SECONDS, "ended")
        self._hits = self._counter("samekind_cache_hits_total", "entries found in a cache", "cache")
        self._misses = self._counter("samekind_cache_misses_total", "entries not found in a cache", "cache")
        self.sampled("samekind_info", "1, under the version that runs", ("version",), lambda: [((__version__,), 1.0)])
        for why in Shed:
            self._shed.labels(why.value)
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def sampled(self, name: str, told: str, labels: tuple[str, ...], samples: Samples) -> None:
        """A gauge that is asked when it is looked at: `samples` gives each series' labels and value."""
        self.rows.append(Row(name, "gauge", labels, told))
        self.registry.register(_Sampled(name, told, labels, samples))

    def sample(self, engine: Engine, health: HealthServicer) -> None:
        """Tells also of what waits, of memory, and of health, whenever it is looked at."""
        self.sampled("samekind_queue_rows", "contents that wait for a model's tower", LANE, lambda: _rows(engine.queues))
        self.sampled("samekind_queue_age_seconds", "seconds the oldest of them has waited", LANE, lambda: _ages(engine.queues))
        self.sampled("samekind_held_bytes", "bytes of requests under way, as admission counts them", (), lambda: [((), engine.admission.held.bytes)])
        self.sampled("samekind_held_pixels", "declared pixels of images under way", (), lambda: [((), engine.admission.held.pixels)])
        self.sampled("samekind_model_bytes", "memory a loaded model takes", ("model",), lambda: _memory(engine))
        self.sampled("samekind_serving", "1 where a service serves, 0 where not; `server` is all of it", ("service",), lambda: _serving(health))

    @asynccontextmanager
    async def layer(self, call: Call) -> AsyncIterator[None]:
        """Counts a call while it is under way and when it has ended."""
        started = time.perf_counter()
        under_way = self._under_way.labels(call.method)
        under_way.inc()
        call.count = self._contents.labels(call.method).inc
        try:
            yield
        finally:
            under_way.dec()
            self._calls.labels(call.method, call.code).observe(time.perf_counter() - started)
            self._request_bytes.labels(call.method).observe(call.request_bytes)

    def computed(self, model: str, tower: str, waited: Sequence[float], seconds: float) -> None:
        """See Observer."""
        self.succeeded = time.monotonic()
        self._batches.labels(model, tower).observe(len(waited))
        self._model.labels(model, tower).observe(seconds)
        waits = self._waited.labels(model, tower)
        for wait in waited:
            waits.observe(wait)

    def failed(self, model: str, tower: str, rows: int) -> None:
        """See Observer."""
        self._failed.labels(model, tower).inc(rows)

    def dropped(self, model: str, tower: str, why: Drop, rows: int) -> None:
        """See Observer."""
        self._dropped.labels(model, tower, why.value).inc(rows)

    def restarted(self, model: str, tower: str) -> None:
        """See Observer."""
        self._restarted.labels(model, tower).inc()

    def shed(self, why: Shed) -> None:
        """See Observer."""
        self._shed.labels(why.value).inc()

    def refused(self, method: str, code: str) -> None:
        """Counts a call that was refused before any layer."""
        self._calls.labels(method, code).observe(0.0)

    def asked(self, cache: str, *, hits: int, misses: int) -> None:
        """See Observer."""
        self._hits.labels(cache).inc(hits)
        self._misses.labels(cache).inc(misses)

    def searched(self, report: SearchReport) -> None:
        """Counts an answered query, by whether all was compared or a graph chose."""
        self._searches.labels("exact" if report.exact else "graph").observe(report.search_ms / 1000)

    def recommended(self, report: RecommendationReport) -> None:
        """Counts an answer, by whether behaviour counted in it or content alone."""
        by = "behaviour" if report.behaviour > 0 else "content"
        self._recommendations.labels(by).observe(report.search_ms / 1000)
        self._candidates.labels(by).observe(report.candidates)

    def recorded(self, outcomes: Sequence[Recorded]) -> None:
        """Counts events, by whether they are new, were known or failed."""
        for each in outcomes:
            self._events.labels("failed" if each.error else "known" if each.known else "new").inc()

    def learned(self, seconds: float, *, failed: bool) -> None:
        """Counts one catalog's learning."""
        self._learned.labels("failed" if failed else "learned").observe(seconds)

    def _histogram(self, name: str, told: str, buckets: Sequence[float], *labels: str) -> Histogram:
        self.rows.append(Row(name, "histogram", labels, told))
        return Histogram(name, told, labels, buckets=buckets, registry=self.registry)

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        self.rows.append(Row(name, "counter", labels, told))
        return Counter(name, told, labels, registry=self.registry)

    def _gauge(self, name: str, told: str, *labels: str) -> Gauge:
        self.rows.append(Row(name, "gauge", labels, told))
        return Gauge(name, told, labels, registry=self.registry)


@dataclass(frozen=True)
class _Sampled(Collector):
    name: str
    told: str
    labels: tuple[str, ...]
    samples: Samples

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(self.name, self.told, labels=self.labels)
        for labels, value in self.samples():
            family.add_metric(labels, value)
        yield family


def _rows(queues: Iterable[Queue]) -> list[Sample]:
    return [((queue.model, queue.tower, queue.lane.name.lower()), queue.rows) for queue in queues]


def _ages(queues: Iterable[Queue]) -> list[Sample]:
    return [((queue.model, queue.tower, queue.lane.name.lower()), queue.age) for queue in queues]


def _memory(engine: Engine) -> list[Sample]:
    return [((name,), size) for name, size in engine.registry.memory().items()]


def _serving(health: HealthServicer) -> list[Sample]:
    return [((service or "server",), float(serves)) for service, serves in health.states.items()]
