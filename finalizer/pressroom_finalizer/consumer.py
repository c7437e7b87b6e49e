"""Takes tasks of one kind, one at a time a loop, and settles every one of them.

A task is acked when its record lies in the store, or when there is nothing to do any more. Whatever
fails is handed back with a growing delay, never dropped. Nothing here knows what a task does.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from pydantic import ValidationError

from pressroom import names
from pressroom.errors import PressroomError, UnavailableError
from pressroom.lifecycle import backoff, pause
from pressroom.model.ledger import Task, WebhookRecord
from pressroom.ports import ACK_WAIT, Delivery, Queue

_log = logging.getLogger(__name__)

#: Does a task. False where its job is gone and there is nothing to report.
Handler = Callable[[Task], Awaitable[bool]]

HEARTBEAT_SECONDS = ACK_WAIT / 3
#: How long one ask for a task waits; also how long a stop may go unnoticed.
TAKE_SECONDS = 2.0
MAX_DELAY = 60.0
_HAND_BACK_SECONDS = 3.0
_REMEMBERED = 4096


class Metrics:
    """What the finalizer counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.tasks = Counter(
            "pressroom_finalizer_tasks",
            "Tasks settled, by kind and outcome (done, gone, invalid, retried).",
            ["kind", "outcome"],
            registry=registry,
        )
        self.seconds = Histogram(
            "pressroom_finalizer_task_seconds",
            "Seconds that a task took, by kind.",
            ["kind"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900),
            registry=registry,
        )
        self.running = Gauge(
            "pressroom_finalizer_tasks_running",
            "Tasks being done now, by kind.",
            ["kind"],
            registry=registry,
        )
        self.calls = Counter(
            "pressroom_finalizer_webhook_calls",
            "Calls of webhooks, by outcome (delivered, failed, gave_up: the last one failed).",
            ["outcome"],
            registry=registry,
        )
        # A series that first appears with its first event hides that event from rate().
        for outcome in ("delivered", "failed", "gave_up"):
            self.calls.labels(outcome)

    def called(self, record: WebhookRecord) -> None:
        """Count a call of a webhook."""
        missed = "gave_up" if record.gave_up else "failed"
        self.calls.labels("delivered" if record.delivered else missed).inc()


class Delays:
    """How long a failing task waits before its next try: 1 s, doubling up to a minute.

    Remembers the last few thousand failing subjects; one that is forgotten starts at 1 s again.
    """

    def __init__(self) -> None:
        self._failures: OrderedDict[str, int] = OrderedDict()

    def after_failure(self, subject: str) -> float:
        """Seconds to wait after one more failure."""
        failures = self._failures.pop(subject, 0) + 1
        self._failures[subject] = failures
        if len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)
        return min(2.0 ** (failures - 1), MAX_DELAY)

    def settled(self, subject: str) -> None:
        """Forget the failures of a task that is done."""
        self._failures.pop(subject, None)


class Consumer:
    """Loops over the tasks of one kind."""

    def __init__(
        self,
        queue: Queue,
        kind: str,
        handler: Handler,
        metrics: Metrics,
        *,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        take_seconds: float = TAKE_SECONDS,
    ) -> None:
        self._queue = queue
        self._kind = kind
        self._handler = handler
        self._metrics = metrics
        self._heartbeat_seconds = heartbeat_seconds
        self._take_seconds = take_seconds
        self._delays = Delays()

    async def run(self, stop: asyncio.Event) -> None:
        """Take and do tasks until ``stop`` is set. If cancelled, hands the running task back."""
        waits = backoff()
        while not stop.is_set():
            try:
                delivery = await self._queue.take_task(self._kind, self._take_seconds)
            except PressroomError as error:
                await self._wait(stop, waits, error)
                continue
            waits = backoff()
            if delivery is not None:
                await self._settle(delivery)

    async def _wait(
        self, stop: asyncio.Event, waits: Iterator[float], error: PressroomError
    ) -> None:
        _log.warning(
            "cannot take tasks: %s", error.log, extra={"action": "take_failed", "kind": self._kind}
        )
        await pause(stop, next(waits))

    async def _settle(self, delivery: Delivery) -> None:
        started = time.monotonic()
        self._metrics.running.labels(self._kind).inc()
        try:
            outcome = await self._do(delivery)
        except asyncio.CancelledError:
            await self._hand_back(delivery, 0)
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours must not lose the task
            outcome = "retried"
            delay = self._delays.after_failure(delivery.subject)
            self._report(delivery, error, delay)
            await self._hand_back(delivery, delay)
        else:
            self._delays.settled(delivery.subject)
        finally:
            self._metrics.running.labels(self._kind).dec()
        self._metrics.tasks.labels(self._kind, outcome).inc()
        self._metrics.seconds.labels(self._kind).observe(time.monotonic() - started)

    async def _do(self, delivery: Delivery) -> str:
        """Do the task, say so, ack. The outcome, as the metrics name it."""
        try:
            task = Task.model_validate(orjson.loads(delivery.data))
        except (orjson.JSONDecodeError, ValidationError) as error:
            # It will never parse. The operator queues what has no record again.
            _log.error(
                "not a task: %s",
                error,
                extra={"action": "task_invalid", "subject": delivery.subject},
            )
            await delivery.ack()
            return "invalid"
        beats = asyncio.create_task(self._heartbeat(delivery))
        try:
            to_report = await self._handler(task)
            if to_report:
                await self._queue.hint(names.report_subject(self._kind, task.uid))
        finally:
            beats.cancel()
            await asyncio.gather(beats, return_exceptions=True)
        await delivery.ack()
        _log.info("task done", extra={"action": f"{self._kind}_done", "uid": task.uid})
        return "done" if to_report else "gone"

    async def _heartbeat(self, delivery: Delivery) -> None:
        """Keep the task ours. Where that fails it may be done twice, which every task bears."""
        while True:
            await asyncio.sleep(self._heartbeat_seconds)
            try:
                await delivery.in_progress()
            except UnavailableError as error:
                _log.warning(
                    "heartbeat failed: %s",
                    error.log,
                    extra={"action": "heartbeat_failed", "subject": delivery.subject},
                )

    def _report(self, delivery: Delivery, error: Exception, delay: float) -> None:
        extra = {"action": "task_failed", "subject": delivery.subject, "retry_in": delay}
        if isinstance(error, UnavailableError):
            _log.warning("task handed back: %s", error.log, extra=extra)
        elif isinstance(error, PressroomError):
            _log.error("task handed back: %s", error.log, extra=extra)
        else:
            _log.error("task handed back", exc_info=error, extra=extra)

    async def _hand_back(self, delivery: Delivery, delay: float) -> None:
        """NAK. Where that fails too, the queue delivers it again after the ack wait."""
        with suppress(PressroomError, TimeoutError):
            async with asyncio.timeout(_HAND_BACK_SECONDS):
                await delivery.nak(delay)
