"""The ceiling: how fast one browser prints when nothing else is asked of it.

One headless shell with its sandbox on, two tabs, the DevTools protocol over a pipe, frames under
our control, and each document's three commands sent at once. No queue, no store, no ledger: what
the farm's rate is compared with. It uses none of the farm's code, so that it cannot drift with it.

    python -m bench.ceiling [DOCUMENTS]
"""

from __future__ import annotations

import binascii
import json
import os
import pwd
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from bench import documents, processes

TABS = 2
WARM_UP = 20
#: Seconds without a word from the browser before it is given up.
SILENCE = 30.0
EXECUTABLE = "/usr/lib/chromium/chromium-headless-shell"
FLAGS = (
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-renderer-backgrounding",
    "--enable-begin-frame-control",
    "--font-render-hinting=none",
    "--hide-scrollbars",
    "--mute-audio",
    "--no-first-run",
    "--remote-debugging-pipe",
    "--run-all-compositor-stages-before-draw",
)
PAPER = {
    "printBackground": True,
    "paperWidth": 8.2677,
    "paperHeight": 11.6929,
    "marginTop": 0.4,
    "marginRight": 0.4,
    "marginBottom": 0.4,
    "marginLeft": 0.4,
    "generateTaggedPDF": False,
}
_DATA = re.compile(rb'"data":"([^"]*)"')

Json = dict[str, Any]


class CeilingError(RuntimeError):
    """The browser ended, went silent or answered with an error."""


@dataclass(frozen=True)
class Result:
    """One measurement. CPU times are milliseconds a document."""

    documents: int
    seconds: float
    driver_ms: float
    chromium_ms: float
    pdf_bytes: int

    @property
    def per_second(self) -> float:
        """Documents per second."""
        return self.documents / self.seconds


class Pipe:
    """The protocol's frames: JSON, each ended by a zero byte. Blocking, one thread."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd, self._write_fd = read_fd, write_fd
        self._rest = b""
        self._ready: list[bytes] = []
        self._next_id = 0

    def send(self, method: str, params: Json | None = None, session: str | None = None) -> int:
        """Send a command; its number comes back with the answer."""
        self._next_id += 1
        message: Json = {"id": self._next_id, "method": method, "params": params or {}}
        if session is not None:
            message["sessionId"] = session
        todo = memoryview(orjson.dumps(message) + b"\0")
        while todo:
            todo = todo[os.write(self._write_fd, todo) :]
        return self._next_id

    def frame(self) -> bytes:
        """The next message, whatever it is."""
        while not self._ready:
            if not select.select([self._read_fd], [], [], SILENCE)[0]:
                raise CeilingError(f"the browser said nothing for {SILENCE:g} s")
            piece = os.read(self._read_fd, 1 << 20)
            if not piece:
                raise CeilingError("the browser has ended")
            *whole, last = piece.split(b"\0")
            if whole:
                whole[0] = self._rest + whole[0]
                self._rest = last
                self._ready = whole[::-1]
            else:
                self._rest += last
        return self._ready.pop()

    def call(self, method: str, params: Json | None = None, session: str | None = None) -> Json:
        """Send a command and wait for its result, dropping what comes in between."""
        number = self.send(method, params, session)
        while True:
            message: Json = orjson.loads(self.frame())
            if message.get("id") == number:
                return _result(message)


def _result(message: Json) -> Json:
    if "error" in message:
        raise CeilingError(str(message["error"]))
    result: Json = message["result"]
    return result


@dataclass(frozen=True)
class Tab:
    """A tab's session and its main frame."""

    session: str
    frame: str

    @classmethod
    def open(cls, pipe: Pipe) -> Tab:
        """A tab without scripts whose frames are made on demand."""
        context = pipe.call("Target.createBrowserContext")["browserContextId"]
        target = pipe.call(
            "Target.createTarget",
            {"url": "about:blank", "browserContextId": context, "enableBeginFrameControl": True},
        )["targetId"]
        attach = {"targetId": target, "flatten": True}
        session = pipe.call("Target.attachToTarget", attach)["sessionId"]
        pipe.call("Emulation.setScriptExecutionDisabled", {"value": True}, session)
        tree = pipe.call("Page.getFrameTree", None, session)
        return cls(session, tree["frameTree"]["frame"]["id"])

    def start(self, pipe: Pipe, html: str) -> int:
        """Ask for a document; the number of the print command comes back with the PDF."""
        document = {"frameId": self.frame, "html": html}
        pipe.send("Page.setDocumentContent", document, self.session)
        fonts = {"expression": "document.fonts.ready.then(() => 1)", "awaitPromise": True}
        pipe.send("Runtime.evaluate", fonts, self.session)
        return pipe.send("Page.printToPDF", PAPER, self.session)


@contextmanager
def browser() -> Iterator[tuple[Pipe, int]]:
    """A running browser: its pipe and its process id. Nothing of it is left afterwards."""
    home = Path(tempfile.mkdtemp(prefix="pressroom-ceiling-"))
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:  # Chromium has no sandbox as root
        nobody = pwd.getpwnam("nobody")
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    executable = os.environ.get("PRESSROOM_CHROMIUM", EXECUTABLE)
    # The browser expects the pipes as files 3 and 4, where only a shell can put them simply.
    shell = ("/bin/sh", "-c", 'exec "$@" 3<&0 4>&1 0</dev/null 1>&2', "sh")
    process = subprocess.Popen(
        (*shell, executable, *FLAGS, f"--user-data-dir={home / 'profile'}", "about:blank"),
        stdin=theirs_in,
        stdout=theirs_out,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home)},
        **as_user,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Pipe(ours_in, ours_out), process.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(ours_in)
        os.close(ours_out)
        shutil.rmtree(home, ignore_errors=True)


def print_all(pipe: Pipe, tabs: list[Tab], pages: list[str]) -> list[bytes]:
    """Print every page; a tab gets its next document as soon as it has printed one."""
    done: list[bytes] = [b""] * len(pages)
    todo = iter(enumerate(pages))
    printing: dict[int, tuple[Tab, int]] = {}

    def feed(tab: Tab) -> None:
        following = next(todo, None)
        if following is not None:
            index, html = following
            printing[tab.start(pipe, html)] = (tab, index)

    for tab in tabs:
        feed(tab)
    while printing:
        frame = pipe.frame()
        number = int(frame[6 : frame.index(b",")]) if frame.startswith(b'{"id":') else 0
        if b'"error":' in frame[:64]:
            raise CeilingError(frame[:300].decode(errors="replace"))
        if number not in printing:
            continue
        tab, index = printing.pop(number)
        feed(tab)
        found = _DATA.search(frame)
        if found is None:
            raise CeilingError("the browser printed nothing")
        done[index] = binascii.a2b_base64(found.group(1))
    return done


def measure(count: int) -> Result:
    """Print ``count`` documents in a fresh browser that is warm. Raises CeilingError."""
    pages = documents.pages(count + WARM_UP)
    with browser() as (pipe, pid):
        tabs = [Tab.open(pipe) for _ in range(TABS)]
        print_all(pipe, tabs, pages[count:])
        before, own = processes.usage(pid), time.process_time()
        start = time.perf_counter()
        printed = print_all(pipe, tabs, pages[:count])
        seconds = time.perf_counter() - start
        used, driver = processes.usage(pid).since(before), time.process_time() - own
    if not all(pdf.startswith(b"%PDF-") for pdf in printed):
        raise CeilingError("an answer is not a PDF")
    return Result(
        documents=count,
        seconds=seconds,
        driver_ms=driver * 1000 / count,
        chromium_ms=used.browser_ms / count,
        pdf_bytes=sum(map(len, printed)) // count,
    )


def main() -> None:
    """Measure once and print the figures as JSON."""
    result = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 600)
    print(json.dumps({**vars(result), "per_second": round(result.per_second, 1)}, indent=2))


if __name__ == "__main__":
    main()
