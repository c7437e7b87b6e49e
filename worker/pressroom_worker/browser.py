"""The browser: one Chromium process, its contexts and its tabs. The only user of pyppeteer.

pyppeteer's ``Browser`` keeps contexts and targets, over :class:`PipeConnection` instead of its
WebSocket. Documents are printed by :class:`Tab`, which talks to a session of the same pipe.
With Chromium's sandbox unless told otherwise; always as an unprivileged user, in a process group
of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from pyee import EventEmitter
from pyppeteer.browser import Browser, BrowserContext
from pyppeteer.connection import CDPSession, Connection

from pressroom.errors import UnavailableError
from pressroom_worker import egress
from pressroom_worker.account import Account
from pressroom_worker.homes import make_home
from pressroom_worker.tab import Tab
from pressroom_worker.transport import (
    BrowserGoneError,
    Channel,
    Json,
    ProtocolError,
    TabGoneError,
)

log = logging.getLogger(__name__)

EXECUTABLE = Path("/usr/lib/chromium/chromium-headless-shell")
#: Seconds for one command that does no rendering: opening and closing contexts and tabs.
CONTROL_SECONDS = 10.0

_FLAGS = (
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-breakpad",
    "--disable-extensions",
    "--disable-sync",
    "--disable-translate",
    "--disable-features=Translate,BackForwardCache,AcceptCHFrame,MediaRouter,OptimizationHints,PaintHolding,AutoupgradeMixedContent",
    # A template with assets has an https address, and may name http hosts that its tenant admits.
    "--allow-running-insecure-content",
    "--font-render-hinting=none",
    "--hide-scrollbars",
    "--metrics-recording-only",
    "--mute-audio",
    "--no-first-run",
    "--remote-debugging-pipe",
)
#: Frames are made when a print asks for one, and not otherwise: half the work of a document.
_BEGIN_FRAME_FLAGS = ("--enable-begin-frame-control", "--run-all-compositor-stages-before-draw")
#: The browser takes the pipes as files 3 and 4; only a shell can put them there without a fork
#: hook, which is not safe beside threads.
_SHELL = ("/bin/sh", "-c", 'exec "$@" 3<&0 4>&1 0</dev/null 1>/dev/null', "sh")
_STDERR_LINES = 20


class Mode(Enum):
    """What a browser is started for."""

    PRESS = "press"  # prints only, no scripts: frames under our control
    PLAIN = "plain"  # images and scripts, which need the browser's own frames


@dataclass(frozen=True)
class BrowserOptions:
    """How browsers are started, and when one is replaced by a fresh one.

    ``user`` counts only where the worker is root; ``rss`` is the sum over the process group.
    """

    executable: Path = EXECUTABLE
    user: str = "nobody"
    sandbox: bool = True
    temp_dir: Path = Path(tempfile.gettempdir())
    start_seconds: float = 30.0
    max_documents: int = 20_000
    max_rss_bytes: int = 1536 * 1024 * 1024
    max_age_seconds: float = 3600.0


def command_line(mode: Mode, options: BrowserOptions) -> tuple[str, ...]:
    """The browser and its flags, but for where its profile is."""
    frames = _BEGIN_FRAME_FLAGS if mode is Mode.PRESS else ()
    sandbox = () if options.sandbox else ("--no-sandbox",)
    return (str(options.executable), *_FLAGS, *frames, *sandbox, *egress.FLAGS)


class FlatSession(CDPSession):
    """pyppeteer's session, its messages flat on the pipe instead of wrapped in another."""

    def __init__(self, pipe: PipeConnection, kind: str, session: str) -> None:
        super().__init__(pipe, kind, session, pipe._loop)
        self._pipe = pipe

    def send(self, method: str, params: Json | None = None) -> asyncio.Future[Json]:
        return self._pipe.channel.send(method, params, self._sessionId)


class PipeConnection(Connection):
    """pyppeteer's connection over a :class:`Channel`.

    Does not call its parent's constructor, which would open a WebSocket.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        EventEmitter.__init__(self)
        self._url = "pipe:"
        self._loop = loop
        self._connected = True
        self._sessions: dict[str, CDPSession] = {}
        self._closeCallback: Callable[[], None] | None = None
        self.channel = Channel(self._dispatch, self._gone)

    def send(self, method: str, params: Json | None = None) -> asyncio.Future[Json]:
        return self.channel.send(method, params)

    async def createSession(self, targetInfo: Json) -> FlatSession:  # noqa: N802, N803
        answer = await self.send(
            "Target.attachToTarget", {"targetId": targetInfo["targetId"], "flatten": True}
        )
        session = FlatSession(self, targetInfo["type"], answer["sessionId"])
        self._sessions[answer["sessionId"]] = session
        return session

    async def dispose(self) -> None:
        self.channel.close()

    def session_gone(self, session: str) -> None:
        """Fail what waits for a session and forget it."""
        self.channel.forget(session)
        self._sessions.pop(session, None)

    def _dispatch(self, method: str, params: Json, session: str | None) -> None:
        if session is not None:
            found = self._sessions.get(session)
            if found is not None:
                found.emit(method, params)
            if method == "Inspector.targetCrashed":
                self.session_gone(session)
        elif method == "Target.detachedFromTarget":
            self.session_gone(params["sessionId"])
        elif method != "Target.attachedToTarget":
            self.emit(method, params)

    def _gone(self) -> None:
        self._connected = False
        self._sessions.clear()
        if self._closeCallback is not None:
            self._closeCallback()
            self._closeCallback = None


class Chromium:
    """A running browser. ``closed`` is set once it is gone, for whatever reason."""

    def __init__(self, mode: Mode, options: BrowserOptions, account: Account | None) -> None:
        self.mode = mode
        self.closed = asyncio.Event()
        self.documents = 0
        self.started = time.monotonic()
        self._options = options
        self._account = account
        self._directory: Path | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        self._drain: asyncio.Task[None] | None = None
        self._connection = PipeConnection(asyncio.get_running_loop())
        self._browser: Browser | None = None

    async def start(self, prefix: tuple[str, ...]) -> None:
        """Start it, its command after ``prefix``. UnavailableError if it does not come up."""
        try:
            async with asyncio.timeout(self._options.start_seconds):
                await self._spawn(prefix)
                browser = await Browser.create(self._connection, [], False, None)
                browser.on(Browser.Events.Disconnected, self.closed.set)
                await browser.version()
                self._browser = browser
        except (OSError, TimeoutError, BrowserGoneError, ProtocolError) as error:
            await self.close()
            tail = " | ".join(self._stderr)
            raise UnavailableError(
                "The browser did not start.", log=f"{error!r}: {tail}"
            ) from error
        except BaseException:
            await self.close()
            raise

    async def version(self) -> str:
        """Ask the browser itself. BrowserGoneError, ProtocolError; the caller sets the deadline."""
        return str(await self._running().version())

    async def open_context(self) -> BrowserContext:
        """A context of its own: no cookie, cache or storage is shared with another."""
        async with asyncio.timeout(CONTROL_SECONDS):
            return await self._running().createIncognitoBrowserContext()

    async def close_context(self, context: BrowserContext) -> None:
        """Close a context and its tabs; a browser that cannot is killed."""
        try:
            async with asyncio.timeout(CONTROL_SECONDS):
                await context.close()
        except TimeoutError:
            self.kill()
        except (ProtocolError, BrowserGoneError):
            pass  # gone already

    async def open_tab(self, context: BrowserContext, *, scripts: bool) -> Tab:
        """A tab in ``context``. TimeoutError, TabGoneError, BrowserGoneError, ProtocolError."""
        async with asyncio.timeout(CONTROL_SECONDS):
            answer = await self._connection.send(
                "Target.createTarget",
                {
                    "url": "about:blank",
                    "browserContextId": context._id,
                    "enableBeginFrameControl": self.mode is Mode.PRESS,
                },
            )
            target = {"targetId": answer["targetId"], "type": "page"}
            session = await self._connection.createSession(target)
            tab = Tab(self._connection, session, answer["targetId"], scripts=scripts)
            await tab.prepare()
            return tab

    @property
    def pid(self) -> int:
        """The process, which is also its group."""
        if self._process is None:
            raise BrowserGoneError("the browser was never started")
        return self._process.pid

    def kill(self) -> None:
        """Kill the whole process group now; :meth:`close` tidies up."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def close(self) -> None:
        """Kill the browser, wait for its end and remove what it left on the disk."""
        self.kill()
        if self._process is not None:
            await self._process.wait()
        self._connection.channel.close()
        self.closed.set()
        if self._drain is not None:
            await self._drain
        if self._directory is not None:
            await asyncio.to_thread(shutil.rmtree, self._directory, ignore_errors=True)

    def _running(self) -> Browser:
        if self._browser is None:
            raise BrowserGoneError("the browser was never started")
        return self._browser

    async def _spawn(self, prefix: tuple[str, ...]) -> None:
        home = await asyncio.to_thread(make_home, self._options.temp_dir)
        self._directory = home
        as_user: dict[str, Any] = {}
        if self._account is not None:
            os.chown(home, self._account.uid, self._account.gid)
            as_user = {"user": self._account.uid, "group": self._account.gid, "extra_groups": []}
        command = command_line(self.mode, self._options)
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *_SHELL,
                *prefix,
                *command,
                f"--user-data-dir={home / 'profile'}",
                "about:blank",
                stdin=theirs_in,
                stdout=theirs_out,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
                cwd="/",
                env=_environment(home),
                **as_user,
            )
        except BaseException:
            os.close(ours_in)
            os.close(ours_out)
            raise
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        self._drain = asyncio.create_task(self._read_stderr(self._process))
        await self._connection.channel.attach(ours_in, ours_out)

    async def _read_stderr(self, process: asyncio.subprocess.Process) -> None:
        """Keep the last lines for the message that a failed start needs."""
        if process.stderr is None:
            return
        while piece := await process.stderr.read(4096):
            for line in piece.decode(errors="replace").splitlines():
                self._stderr.append(line[:300])


#: By these a supervisor finds what a worker that was killed has left running.
_MARKS = ("PRESSROOM_FARM", "PRESSROOM_PART")


def _environment(home: Path) -> dict[str, str]:
    """Nothing of the worker's own: its environment holds the keys of the object store."""
    kept = ("PATH", "LANG", "LC_ALL", "TZ", "FONTCONFIG_FILE", "FONTCONFIG_PATH", *_MARKS)
    return {**{name: os.environ[name] for name in kept if name in os.environ}, "HOME": str(home)}


__all__ = [
    "BrowserContext",
    "BrowserGoneError",
    "BrowserOptions",
    "Chromium",
    "Mode",
    "ProtocolError",
    "Tab",
    "TabGoneError",
    "command_line",
]
