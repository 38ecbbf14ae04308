"""The metrics for Prometheus, put together when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from framehop._core import __version__
from framehop.pipeline.control_plane.requests import PipelineReport
from framehop.pipeline.look import LastLook, Look
from framehop.pipeline.streams.stream_status import StreamStatus
from framehop.types import PartitionLag
from framehop.web.desk import Desk
from framehop.web.figures import OTHER
from framehop.web.pipelines import works
from framehop.web.totals import BOUNDS_S, END_TO_END, MAX_LABELLED, Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(desk: Desk, lag: Look[list[PartitionLag]], patience_s: float) -> bytes:
    """Return all metrics as text; waits up to `patience_s` for each of two looks."""
    registry = CollectorRegistry(auto_describe=False)
    reports = desk.pipelines.latest(patience_s).value.reports
    registry.register(_Collector(desk, reports, lag.latest(patience_s)))
    return generate_latest(registry)


class _Collector(Collector):
    """All metrics at one moment."""

    def __init__(self, desk: Desk, reports: Iterable[PipelineReport], lag: LastLook[list[PartitionLag]]) -> None:
        self._desk, self._reports, self._lag = desk, list(reports), lag

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("framehop_log_up", "1 if the log can be read.", value=float(not self._desk.error))
        info = GaugeMetricFamily("framehop_build_info", "The version of framehop that answers.", labels=["version"])
        info.add_metric([__version__], 1.0)
        yield info
        yield from self._events()
        yield from _lag(self._lag)
        yield from _pipelines(works(self._reports))
        yield from _sources(self._reports)

    def _events(self) -> Iterator[Metric]:
        frames = CounterMetricFamily(
            "framehop_frames",
            "Frames: that ingest put into the log since its start, and that got their event since this page's.",
            labels=["stream", "lane", "stage", "outcome"],
        )
        objects = CounterMetricFamily("framehop_objects", "Objects found, since this page began.", labels=["label"])
        stages = HistogramMetricFamily("framehop_stage_seconds", "What a stage took of one frame.", labels=["stage"])
        whole = HistogramMetricFamily("framehop_end_to_end_seconds", "From ingest of a frame to its event.", labels=[])
        for stream, count in _by_stream(self._reports, lambda status: status.acked).items():
            frames.add_metric([stream, "", "ingest", "appended"], count)
        with self._desk.live.lock:
            totals = self._desk.live.totals
            for (stream, lane, outcome), count in totals.frames.items():
                frames.add_metric([stream, lane, "detect", outcome], count)
            for label, count in totals.objects.items():
                objects.add_metric([label], count)
            for stage, histogram in totals.stages.items():
                if stage == END_TO_END:
                    whole.add_metric([], _buckets(histogram), histogram.sum_s)
                else:
                    stages.add_metric([stage], _buckets(histogram), histogram.sum_s)
        yield from (frames, objects, stages, whole)


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Return (bound, how many are not above it), as Prometheus wants it."""
    total, found = 0, []
    for bound, count in zip([*map(str, BOUNDS_S), "+Inf"], histogram.counts, strict=True):
        total += count
        found.append((bound, float(total)))
    return found


def _lag(seen: LastLook[list[PartitionLag]]) -> Iterator[Metric]:
    names = ["topic", "partition"]
    messages = GaugeMetricFamily("framehop_consumer_lag_messages", "Frames that detection is behind.", labels=names)
    seconds = GaugeMetricFamily("framehop_consumer_lag_seconds", "Age of the oldest of them.", labels=names)
    owned = GaugeMetricFamily("framehop_partition_owned", "1 if a worker reads the partition.", labels=names)
    for partition in seen.value:
        labels = [partition.topic, str(partition.partition)]
        messages.add_metric(labels, partition.messages)
        seconds.add_metric(labels, partition.seconds or 0.0)
        owned.add_metric(labels, float(bool(partition.owner)))
    yield from (messages, seconds, owned)


def _pipelines(reports: Iterable[PipelineReport]) -> Iterator[Metric]:
    """Yield what the pipelines of this host say. `pipeline`: the process number, as two may work in one lane."""
    of = ["pipeline", "lane"]
    depth = GaugeMetricFamily("framehop_queue_depth", "Frames between poll and commit.", labels=[*of, "process"])
    slots = GaugeMetricFamily("framehop_ring_slots", "Slots of a worker's ring.", labels=[*of, "worker", "state"])
    restarts = CounterMetricFamily("framehop_restarts", "Processes that were started again.", labels=of)
    ready = GaugeMetricFamily("framehop_process_ready", "1 if a process works.", labels=[*of, "process"])
    behind = GaugeMetricFamily("framehop_behind_seconds", "How old the frames are that are begun with.", labels=of)
    model = GaugeMetricFamily(
        "framehop_model_info", "The model that runs.", labels=[*of, "process", "name", "version", "provider"]
    )
    for report in reports:
        mine = [str(report.publication.pid), report.publication.lane]
        restarts.add_metric(mine, report.counters.restarts)
        behind.add_metric(mine, report.counters.behind_s)
        for process in report.processes:
            ready.add_metric([*mine, process.name], float(process.ready))
            depth.add_metric([*mine, process.name], process.in_flight)
        for ring in report.rings:
            slots.add_metric([*mine, ring.worker, "used"], ring.used)
            slots.add_metric([*mine, ring.worker, "free"], ring.slots - ring.used)
        for name, found in report.models.items():
            model.add_metric([*mine, name, found.name[:100], found.version[:100], found.provider], 1.0)
    yield from (depth, slots, restarts, ready, behind, model)


def _sources(reports: Iterable[PipelineReport]) -> Iterator[Metric]:
    """Yield what is known of sources."""
    reports = list(reports)
    spooled = float(sum(report.counters.spooled.bytes for report in reports))
    yield GaugeMetricFamily("framehop_spool_bytes", "What waits on this host's disk for the log.", value=spooled)
    up = GaugeMetricFamily(
        "framehop_source_up", "Sources of the stream that give frames, or are done.", labels=["stream"]
    )
    for stream, count in _by_stream(reports, _is_up).items():
        up.add_metric([stream], count)
    back = CounterMetricFamily("framehop_reconnects", "How often a source came back.", labels=["stream"])
    for stream, count in _by_stream(reports, lambda status: status.health.reconnects).items():
        back.add_metric([stream], count)
    yield from (up, back)


def _is_up(status: StreamStatus) -> int:
    return int(status.phase in ("running", "ended", "paused"))


def _by_stream(reports: Iterable[PipelineReport], of: Callable[[StreamStatus], int]) -> dict[str, int]:
    """Return a figure by stream. Beyond the first MAX_LABELLED streams they are summed."""
    found: dict[str, int] = {}
    for status in (status for report in reports for status in report.streams):
        label = status.stream if status.stream in found or len(found) < MAX_LABELLED else OTHER
        found[label] = found.get(label, 0) + of(status)
    return found
