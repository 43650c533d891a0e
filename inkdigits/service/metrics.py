"""What a service counts, as Prometheus asks for it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

#: Seconds: from a digit to a page of twelve megapixels.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Counters of one service.

    Attributes:
        registry: All of them.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "inkdigits_requests", "Requests, by path and status", ["path", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "inkdigits_request_seconds", "Seconds of a request", ["path"], buckets=_BUCKETS, registry=self.registry
        )
        self.pictures = Counter("inkdigits_pictures", "Pictures that were read", registry=self.registry)
        self.refused = Counter("inkdigits_pictures_refused", "Pictures that could not be read", registry=self.registry)
        self.digits = Counter("inkdigits_digits", "Digits that were found", registry=self.registry)
        self.unsure = Counter("inkdigits_digits_unsure", "Digits that were given as '?'", registry=self.registry)
        self.queue = Gauge("inkdigits_queue", "Requests that are being read or wait", registry=self.registry)
