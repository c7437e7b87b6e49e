"""A key is looked after by one at a time, and comes back when it failed or changed meanwhile."""

from __future__ import annotations

import asyncio

from pressroom_operator.workqueue import WorkQueue


class Runner:
    def __init__(self, queue: WorkQueue[str]) -> None:
        self.queue = queue
        self.seen: list[str] = []
        self.errors: list[str] = []
        self.fail_next = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.changed = asyncio.Condition()

    async def work(self, key: str) -> None:
        async with self.changed:
            self.seen.append(key)
            self.changed.notify_all()
        await self.gate.wait()
        if self.fail_next:
            self.fail_next -= 1
            raise RuntimeError(key)

    def failed(self, key: str, error: Exception) -> None:
        self.errors.append(key)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5), self.changed:
            await self.changed.wait_for(lambda: len(self.seen) >= count)


async def test_a_key_added_twice_is_worked_on_once() -> None:
    queue: WorkQueue[str] = WorkQueue()
    runner = Runner(queue)
    queue.add("a")
    queue.add("a")
    queue.add("b")
    task = asyncio.create_task(queue.run(runner.work, runner.failed))
    await runner.until(2)
    task.cancel()
    assert runner.seen == ["a", "b"]


async def test_a_key_changed_while_worked_on_is_worked_on_again_and_never_twice_at_once() -> None:
    queue: WorkQueue[str] = WorkQueue()
    runner = Runner(queue)
    runner.gate.clear()
    tasks = [asyncio.create_task(queue.run(runner.work, runner.failed)) for _ in range(2)]
    queue.add("a")
    await runner.until(1)
    queue.add("a")
    queue.add("b")
    await runner.until(2)
    assert runner.seen == ["a", "b"]
    runner.gate.set()
    await runner.until(3)
    assert runner.seen == ["a", "b", "a"]
    for task in tasks:
        task.cancel()


async def test_a_key_that_failed_comes_back() -> None:
    queue: WorkQueue[str] = WorkQueue()
    runner = Runner(queue)
    runner.fail_next = 1
    task = asyncio.create_task(queue.run(runner.work, runner.failed))
    queue.add("a")
    await runner.until(2)
    task.cancel()
    assert runner.errors == ["a"]


async def test_the_earlier_of_two_times_holds() -> None:
    queue: WorkQueue[str] = WorkQueue()
    runner = Runner(queue)
    task = asyncio.create_task(queue.run(runner.work, runner.failed))
    queue.add_after("a", 0.01)
    queue.add_after("a", 60)
    await runner.until(1)
    task.cancel()
