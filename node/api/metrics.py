"""`GET /metrics`: what a node counts, in the text format of Prometheus.

Enters: the numbers of a survey, and what this server itself counts. Leaves: one page, made anew for
each question. The table below is all there is: a metric that is not in it is not told, and its
labels take values from closed sets of this program alone. Nothing is registered globally; two nodes
in one process do not see each other.
Source: https://prometheus.io/docs/practices/naming/ and docs/reference/metrics.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from node.api.bodies import NoQuery, query
from node.api.citizen import Citizen
from node.api.operations import Operation, Scope
from node.api.stream import STREAMS
from node.errors import NotFoundError
from node.meters import Counts, Spread

PREFIX: Final = "intentcast_"
MEDIA: Final = "text/plain"
_VERSION: Final = "0.0.4"
_CLASSES: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered:
    """One metric."""

    name: str
    """Without the prefix; of a counter, with `_total`."""
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


def _counter(name: str, words: str, *labels: str) -> Metered:
    return Metered(name=name, kind="counter", help=words, labels=labels)


def _gauge(name: str, words: str, *labels: str) -> Metered:
    return Metered(name=name, kind="gauge", help=words, labels=labels)


def _histogram(name: str, words: str) -> Metered:
    return Metered(name=name, kind="histogram", help=words)


METERED: Final = (
    _gauge("build_info", "Always 1; says what runs.", "version", "python", "sqlite"),
    _gauge("start_time_seconds", "When the node came up, Unix time."),
    _gauge("keys_locked", "1 while the keys are locked."),
    _gauge("peers", "Links to other nodes, by who dialled.", "direction"),
    _gauge("peers_standing", "Links, by what their faults come to.", "standing"),
    _gauge("peers_narrow", "Links that want only some requests."),
    _gauge("link_levels", "Links, by how new objects come and go.", "direction", "level"),
    _counter("peer_bytes_total", "Frames of all links, before encryption.", "direction"),
    _gauge("known_nodes", "Nodes this one knows and could dial."),
    _gauge("peers_dependent", "1 while one owner could be behind all nodes this one dialled."),
    _gauge("clock_offset_seconds", "How far the peers' clocks are ahead; needs three it dialled."),
    _counter("messages_received_total", "Messages of peers.", "kind"),
    _counter("objects_received_total", "Public objects of peers.", "verdict", "reason"),
    _counter("object_copies_total", "Copies of public objects from peers, known or new.", "way"),
    _counter("objects_refused_total", "Objects refused by policy, or not wanted.", "rule"),
    _histogram("object_age_seconds", "Age of public objects taken; dated to the minute."),
    _gauge("gossip_objects", "Public objects held, and names of others.", "state"),
    _gauge("disk_waiting", "What waits to be written.", "what"),
    _gauge("stem", "How requests of ours leave: ways, and requests on them.", "what"),
    _gauge("tunnels", "Tunnels to mailboxes, and mailboxes asked without one.", "what"),
    _gauge("casts", "Own requests.", "state"),
    _gauge("deals", "Deals of both roles.", "state"),
    _counter("offers_received_total", "Offers that came for our requests.", "fate", "reason"),
    _histogram("offer_latency_seconds", "From a request of ours to an offer recorded for it."),
    _gauge("letters", "Letters to others, and those that wait here for what they follow.", "state"),
    _counter("letters_received_total", "Letters that opened.", "kind", "fate", "reason"),
    _gauge("mailbox_held", "What is kept for others.", "what"),
    _gauge("mailbox_held_bytes", "Its size.", "what"),
    _gauge("store_bytes", "The database on disk.", "file"),
    _counter("events_total", "Events of this home; also the newest cursor."),
    _counter("task_failures_total", "Background tasks that ended by a bug; each is in the log."),
    _counter("api_requests_total", "Answers of the local API, by class of status.", "class"),
    _gauge("api_streams", "Open streams of events."),
)
"""Every metric of this program, in the order told; those of the process come besides."""


class Requests:
    """Answers of one server, counted by the first digit of their status."""

    def __init__(self) -> None:
        """Start at nothing."""
        self._counts = [0] * _CLASSES

    async def note(self, _request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Count an answer as it goes out."""
        self._counts[min(response.status // 100, _CLASSES - 1)] += 1

    def counts(self) -> Counts:
        """How many of each class."""
        return {(f"{n}xx",): self._counts[n] for n in range(1, _CLASSES)}


REQUESTS: Final = web.AppKey("REQUESTS", Requests)
"""Where a server keeps its counts."""


class _Told(Collector):
    """One look at the numbers."""

    def __init__(self, numbers: Mapping[str, Counts | Spread]) -> None:
        self._numbers = numbers

    def collect(self) -> Iterable[Metric]:
        for metered in METERED:
            yield _family(metered, self._numbers[metered.name])


def _family(metered: Metered, numbers: Counts | Spread) -> Metric:
    name = PREFIX + metered.name
    if isinstance(numbers, Spread):
        histogram = HistogramMetricFamily(name, metered.help)
        bounds = [*(str(bound) for bound in numbers.bounds), "+Inf"]
        counts = zip(bounds, numbers.cumulated(), strict=True)
        histogram.add_metric([], [(bound, float(n)) for bound, n in counts], numbers.sum)
        return histogram
    labels = list(metered.labels)
    family = (CounterMetricFamily if metered.kind == "counter" else GaugeMetricFamily)(
        name, metered.help, labels=labels
    )
    for values, number in sorted(numbers.items()):
        family.add_metric(list(values), number)
    return family


def page(numbers: Mapping[str, Counts | Spread]) -> bytes:
    """Write all numbers down; reads the process's own, so it is run in a thread.

    Args:
        numbers: for every metric of `METERED`, its numbers by the values of its labels.
    """
    registry = CollectorRegistry()
    registry.register(_Told(numbers))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


async def _metrics(citizen: Citizen, request: web.Request) -> web.StreamResponse:
    query(request, NoQuery)
    if citizen.survey is None:
        raise NotFoundError("this node has nothing to count")
    numbers = dict(await citizen.survey.census())
    numbers["api_requests_total"] = request.app[REQUESTS].counts()
    numbers["api_streams"] = {(): request.app[STREAMS].count}
    body = await asyncio.to_thread(page, numbers)
    kind = f"{MEDIA}; version={_VERSION}; charset=utf-8"
    return web.Response(body=body, headers={"Content-Type": kind})


METRICS: Final = Operation(
    name="get_metrics",
    method="GET",
    path="/metrics",
    summary="Tell what this node counts, in the text format of Prometheus.",
    scope=Scope.READ,
    answer_media=MEDIA,
    respond=_metrics,
)
