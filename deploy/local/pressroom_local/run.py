"""`pressroom local`: the whole farm on one machine, from the first process to the last.

All parts start at once, each waiting for what it needs; the farm is ready when every one of them
says so. It may not know how a batch is rendered.
"""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from pressroom_local.apply import Api, NotApplied
from pressroom_local.children import FARM_MARK, end_marked
from pressroom_local.credentials import Credentials
from pressroom_local.parts import NoBrowser, Plan, find_browser, port_names
from pressroom_local.state import State, StateError
from pressroom_local.supervisor import Say, StartFailed, Supervised, last_lines
from pressroom_local.tenants import (
    NAMESPACE,
    Declared,
    TenantsError,
    built_in,
    lines,
    read_file,
    with_file,
)

READY_SECONDS = 90.0
#: A part that dies so often before the farm is ready will not come up by itself.
_DEATHS_AT_START = 4
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Options:
    """What `pressroom local` was asked for. ``port`` 0 takes any; ``tenants`` is a YAML file."""

    state_dir: Path
    port: int = 8080
    workers: int = 1
    tenants: Path | None = None


def run_local(options: Options, say: Say) -> int:
    """Run the farm until a signal; the exit code. What matters goes to ``say``, line by line."""
    try:
        browser = find_browser(os.environ)
        tenants = read_file(options.tenants) if options.tenants is not None else []
        state = State.at(options.state_dir)
        with state.locked():
            os.environ[FARM_MARK] = state.farm
            asyncio.run(_run(options, state, browser, tenants, say))
    except (StateError, NoBrowser, StartFailed, TenantsError) as error:
        say(str(error))
        return 1
    return 0


async def _run(
    options: Options, state: State, browser: str, tenants: list[Declared], say: Say
) -> None:
    state.withdraw()
    left = await end_marked(state.farm)
    if left:
        say(f"ended {left} processes that an earlier run had left")
    state.rotate_logs()
    ports = state.ports(options.port, port_names(options.workers))
    plan = Plan(state, Credentials.of(state), ports, options.workers, browser)
    state.write_kubeconfig(ports["kubeapi"], NAMESPACE, plan.secrets.kube_token)
    own = built_in(plan.secrets.api_key, plan.secrets.webhook_secret)
    await Farm(plan, with_file(own, tenants), say).run()


class Farm:
    """The supervised parts of one plan."""

    def __init__(self, plan: Plan, resources: list[Declared], say: Say) -> None:
        self._plan = plan
        self._resources = resources
        self._webhook_secret: str | None = None
        self._say = say
        self._ready = False
        self._groups = [
            [Supervised(part, plan.state.farm, say=say, changed=self._publish) for part in group]
            for group in plan.parts()
        ]
        self._parts = {each.part.name: each for group in self._groups for each in group}
        self._signals = Signals()

    async def run(self) -> None:
        """Start, serve until a signal, stop. Raises StartFailed where a part does not come up."""
        self._signals.listen()
        lives = [asyncio.create_task(each.run()) for each in self._parts.values()]
        try:
            if await self._start():
                self._announce()
                await self._signals.stop.wait()
        finally:
            self._plan.state.withdraw()
            self._ready = False
            await self._stop(lives)

    async def _start(self) -> bool:
        """Wait until everything answers; False where a signal came first."""
        ready = asyncio.create_task(self._until_ready())
        signalled = asyncio.create_task(self._signals.stop.wait())
        try:
            await asyncio.wait({ready, signalled}, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                return False
            await ready
            return True
        finally:
            for task in (ready, signalled):
                task.cancel()
            await asyncio.gather(ready, signalled, return_exceptions=True)

    async def _until_ready(self) -> None:
        begun = asyncio.get_running_loop().time()
        waiting = dict.fromkeys(self._parts, "has not started")
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=8)) as session:
            tasks = [
                asyncio.create_task(self._until_part_ready(session, name, waiting, begun))
                for name in self._parts
            ]
            try:
                async with asyncio.timeout(READY_SECONDS):
                    await asyncio.gather(*tasks)
            except TimeoutError as error:
                missing = "; ".join(f"{name}: {why}" for name, why in waiting.items())
                raise StartFailed(
                    f"The farm was not ready within {READY_SECONDS:g} s ({missing}). "
                    f"The logs are in {self._plan.state.root / 'logs'}."
                ) from error
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _until_part_ready(
        self, session: aiohttp.ClientSession, name: str, waiting: dict[str, str], begun: float
    ) -> None:
        part, probe = self._parts[name], self._plan.probes().get(name)
        while True:
            if part.deaths >= _DEATHS_AT_START:
                raise StartFailed(
                    f"{name} does not start; the end of {part.part.log}:\n"
                    f"{last_lines(part.part.log)}"
                )
            if part.pid is not None:
                fault = await _fault(session, probe) if probe else None
                fault = fault or await self._prepare(session, name)
                if fault is None:
                    break
                waiting[name] = fault
            await asyncio.sleep(_POLL_SECONDS)
        del waiting[name]
        seconds = asyncio.get_running_loop().time() - begun
        self._say(f"  {name:<10} ready after {seconds:4.1f} s   {self._where(name)}".rstrip())

    async def _prepare(self, session: aiohttp.ClientSession, name: str) -> str | None:
        """What the other parts need to find there; why it failed, or None."""
        if name != "kubeapi":
            return None
        api = Api(session, self._plan.url(name), self._plan.secrets.kube_token)
        try:
            await api.apply(self._resources)
            self._webhook_secret = await api.webhook_secret()
        except NotApplied as error:
            return f"did not take a resource ({error})"
        return None

    def _where(self, name: str) -> str:
        if name == "nats":
            return self._plan.nats_url
        return self._plan.url(name) if name in ("s3", "kubeapi", "gateway") else ""

    def _announce(self) -> None:
        self._ready = True
        self._publish()
        state = self._plan.state
        self._say(f"pressroom is ready at {self._plan.url('gateway')} (keys in local.json)")
        for line in lines(self._resources):
            self._say(f"  {line}")
        self._say(f"  state  {state.root}")
        self._say("  stop   Ctrl-C")

    def _publish(self) -> None:
        if self._ready:
            pids = {name: each.pid for name, each in self._parts.items() if each.pid is not None}
            self._plan.state.publish(self._plan.local(pids, self._webhook_secret))

    async def _stop(self, lives: list[asyncio.Task[None]]) -> None:
        """In order, each group at once; a second signal ends the waiting."""
        self._say("stopping")
        stopping = asyncio.create_task(self._stop_in_order())
        hurry = asyncio.create_task(self._signals.hurry.wait())
        await asyncio.wait({stopping, hurry}, return_when=asyncio.FIRST_COMPLETED)
        if not stopping.done():
            stopping.cancel()
            everyone = (each.stop(at_once=True) for each in self._parts.values())
            await asyncio.gather(*everyone)
        hurry.cancel()
        for life in lives:
            life.cancel()
        await asyncio.gather(stopping, hurry, *lives, return_exceptions=True)
        await end_marked(self._plan.state.farm)
        self._say("stopped")

    async def _stop_in_order(self) -> None:
        for group in self._groups:
            await asyncio.gather(*(each.stop() for each in group))


class Signals:
    """``stop``: SIGTERM, SIGINT or SIGHUP came. ``hurry``: it came a second time."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()

    def listen(self) -> None:
        """In the running loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._came)

    def _came(self) -> None:
        (self.hurry if self.stop.is_set() else self.stop).set()


async def _fault(session: aiohttp.ClientSession, probe: str) -> str | None:
    """Why a part is not ready; None if it is."""
    try:
        async with session.get(probe) as answer:
            return None if answer.status == 200 else (await answer.text())[:300]
    except (aiohttp.ClientError, TimeoutError) as error:
        return f"does not answer ({type(error).__name__})"
