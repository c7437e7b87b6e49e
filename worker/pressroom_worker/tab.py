"""A tab that takes one document after the other, over a session of the browser's pipe."""

from __future__ import annotations

import asyncio
import binascii
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from pressroom.errors import Code, RowError
from pressroom_worker.traffic import MAX_NOTES, MAX_URL, Supply, Traffic, cookies
from pressroom_worker.transport import BrowserGoneError, Json, ProtocolError

if TYPE_CHECKING:
    from pressroom_worker.browser import FlatSession, PipeConnection

#: Seconds for a tab to be gone after it was told to close; then the browser is killed.
CLOSE_SECONDS = 3.0
#: Errors of the page's scripts noted of one row at most.
MAX_CONSOLE = 20
_BLANK = "about:blank"
#: What is waited for though the load event has come.
_DRAWN = frozenset({"Image", "Stylesheet", "Font"})
#: How often a page is asked again because of what came meanwhile: its scripts may load for ever.
_MOST_ASKED = 10

#: What a document leaves behind in its tab for the next one that is set there: its policies, its
#: colours, what it says of itself to servers.
_LASTING = (
    'meta[http-equiv]:not([http-equiv="content-type" i],[http-equiv="x-ua-compatible" i]),'
    'meta[name="color-scheme" i],meta[name="supports-color-schemes" i],meta[name="referrer" i]'
)
#: The page's state, then what it shows no picture, style sheet or font of, and whether it lasts.
_STATE = f"""[document.readyState,
[...document.images].filter(i=>i.complete&&!i.naturalWidth&&i.getAttribute('src'))
.slice(0,50).map(i=>(i.currentSrc||i.getAttribute('src')).slice(0,200)),
[...document.querySelectorAll('link[rel~=stylesheet]')].filter(l=>!l.sheet&&!l.disabled&&l.media!='none')
.slice(0,50).map(l=>(l.href||l.getAttribute('href')||'').slice(0,200)),
[...document.fonts].filter(f=>f.status=='error').slice(0,50).map(f=>f.family.slice(0,100)),
!!document.querySelector('{_LASTING}')]"""
#: Answers with the state "complete" once fonts are there; a page that still loads says otherwise.
READY = f"document.fonts.ready.then(()=>{_STATE})"
#: Pages with scripts get two frames to draw what they compute.
READY_WITH_SCRIPTS = (
    "document.fonts.ready.then(()=>new Promise(done=>requestAnimationFrame("
    f"()=>requestAnimationFrame(()=>done({_STATE})))))"
)


class Tab:
    """A tab that takes one document after the other. Broken once ``usable`` is False."""

    def __init__(
        self, connection: PipeConnection, session: FlatSession, target: str, *, scripts: bool
    ) -> None:
        self._connection = connection
        self._channel = connection.channel
        self._session = session
        self._id: str = session._sessionId
        self._target = target
        self._scripts = scripts
        self._media: Json = {}
        self._clear = False
        self._size: Json = {}
        self._frame = ""
        self._address = _BLANK
        #: What the document loads: URLs by the browser's ids.
        self._loading: dict[str, str] = {}
        self._still = asyncio.Event()
        #: True once something began or ended to load since the page was last asked for its state.
        self._stirred = False
        self._watching = False
        self._arriving = False
        self._arrived = asyncio.Event()
        self._loaded = asyncio.Event()
        self._tainted = False
        self.traffic = Traffic(self._send)
        #: Errors of the page's scripts; only a tab with scripts hears of them.
        self.console: list[str] = []
        #: What the page is being waited for, for people; empty where it only renders.
        self.awaited = ""
        #: True once it shows another address than the document it was given.
        self.left = False

    async def prepare(self) -> None:
        """Switch on what a tab needs before its first document."""
        session = self._session
        session.on("Page.loadEventFired", lambda _: self._loaded.set())
        session.on("Page.frameRequestedNavigation", self._taint)
        session.on("Page.frameScheduledNavigation", self._taint)
        session.on("Page.frameNavigated", self._leave)
        session.on("Page.javascriptDialogOpening", self._dismiss)
        session.on("Fetch.requestPaused", self._paused)
        session.on("Network.requestWillBeSent", self._sent)
        session.on("Network.requestServedFromCache", self._finished)
        session.on("Network.loadingFinished", self._finished)
        session.on("Network.loadingFailed", self._finished)
        commands = [
            session.send("Page.getFrameTree"),
            session.send("Page.enable"),
            session.send("Inspector.enable"),
            session.send("Fetch.enable", {"patterns": [{"urlPattern": "*"}]}),
            session.send("Emulation.setScriptExecutionDisabled", {"value": not self._scripts}),
        ]
        if self._scripts:
            session.on("Runtime.consoleAPICalled", self._said)
            session.on("Runtime.exceptionThrown", self._threw)
            commands.append(session.send("Runtime.enable"))
        answers = await asyncio.gather(*commands)
        self._frame = answers[0]["frameTree"]["frame"]["id"]

    @property
    def usable(self) -> bool:
        """False once it crashed, was closed, or tried to go elsewhere: never use it again."""
        return not self._tainted and self._id in self._connection._sessions

    def begin(self, supply: Supply) -> None:
        """Another row: what its page may load. Forgets what was noted of the last one."""
        self.traffic.begin(supply)
        self.console = []
        self.awaited = ""
        self._loading.clear()
        self._still.set()

    async def load(self, html: str, media: Json) -> None:
        """Show a document and wait until its fonts and pictures are there."""
        await self._watch()
        address = self.traffic.supply.address
        if self._address != address:
            await self._visit(address)
        self._loaded.clear()
        await self._emulate(media)
        _, state = await asyncio.gather(
            self._send("Page.setDocumentContent", {"frameId": self._frame, "html": html}),
            self._state(),
        )
        await self._settle(state)

    async def fetch(self, url: str, media: Json) -> None:
        """Show the page at ``url``. RowError ``source_failed`` with the reason."""
        await self._watch()
        await self._emulate(media)
        own = cookies(self.traffic.supply)
        if own:
            await self._send("Network.setCookies", {"cookies": own})
        self.awaited = "the page at its URL"
        try:
            await self._visit(url)
        except ProtocolError as error:
            raise self._no_source(url, str(error)) from error
        if self.traffic.source_error is not None:
            raise self._no_source(url, self.traffic.source_error)
        self.awaited = ""
        await self._settle(await self._state())

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression as JSON, its promise kept; None where it throws."""
        question = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        answer = await self._send("Runtime.evaluate", question)
        return None if "exceptionDetails" in answer else answer["result"].get("value")

    async def holds(self, expression: str) -> bool:
        """Whether an expression is true, its promise kept. RowError where it throws."""
        question = {"expression": expression, "awaitPromise": True}
        answer = await self._send("Runtime.evaluate", question)
        if "exceptionDetails" in answer:
            text = f"The page could not be waited for: {_exception(answer['exceptionDetails'])}"
            raise RowError(Code.RENDER_FAILED, text)
        result = answer["result"]
        if "unserializableValue" in result:
            return result["unserializableValue"] not in ("NaN", "-0", "0n")
        return "objectId" in result or bool(result.get("value"))

    async def pdf(self, parameters: Json) -> bytes:
        """Print what is shown (``Page.printToPDF``)."""
        answer = await self._send("Page.printToPDF", parameters)
        return binascii.a2b_base64(answer["data"])

    async def resize(self, width: int, height: int, scale: float = 1) -> None:
        """Give the tab's window a size in CSS pixels, and its device pixels for each."""
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        if size != self._size:
            await self._send("Emulation.setDeviceMetricsOverride", size)
            self._size = size

    async def content_size(self) -> tuple[float, float]:
        """Width and height in CSS pixels of all that is shown, window or not."""
        metrics = await self._send("Page.getLayoutMetrics", {})
        size = metrics["cssContentSize"]
        return size["width"], size["height"]

    async def image(self, options: Json, *, transparent: bool = False) -> bytes:
        """Take a picture (``Page.captureScreenshot``); ``transparent``: on nothing, not white."""
        if transparent != self._clear:
            colour = {"color": {"r": 0, "g": 0, "b": 0, "a": 0}} if transparent else {}
            await self._send("Emulation.setDefaultBackgroundColorOverride", colour)
            self._clear = transparent
        answer = await self._send("Page.captureScreenshot", options)
        return binascii.a2b_base64(answer["data"])

    async def close(self) -> bool:
        """Close the tab, a hanging one too. False where it does not go in CLOSE_SECONDS."""
        self._tainted = True
        self.traffic.end()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._channel.send("Target.closeTarget", {"targetId": self._target})
        except TimeoutError:
            return False
        except (ProtocolError, BrowserGoneError):
            pass  # gone already
        self._connection.session_gone(self._id)
        return True

    def _send(self, method: str, params: Json) -> Awaitable[Json]:
        return self._channel.send(method, params, self._id)

    async def _emulate(self, media: Json) -> None:
        if media != self._media:
            self._media = media
            await self._send("Emulation.setEmulatedMedia", media)

    def _state(self) -> Awaitable[object]:
        """Ask the page for its state; it is asked before this returns."""
        self._stirred = False
        ready = READY_WITH_SCRIPTS if self._scripts else READY
        question = {"expression": ready, "awaitPromise": True, "returnByValue": True}
        return _value(self._send("Runtime.evaluate", question))

    async def _settle(self, state: object) -> None:
        """Wait for the load event if need be, and note what did not come."""
        if not isinstance(state, list) or state[0] != "complete":
            await self._loaded.wait()
            state = await self._state()
        # A document that was set, not navigated to, is complete before its pictures are; and what
        # has come since the page answered is not in its answer.
        asked = 0
        while self._loading or (self._stirred and asked < _MOST_ASKED):
            await self._still.wait()
            state = await self._state()
            asked += 1
        if isinstance(state, list) and any(state[1:]):
            self._note(state[1:4])
            if any(state[4:]):
                self._address = ""  # the next document needs a window of its own

    async def _watch(self) -> None:
        """Hear of what loads, from the first row on that can load anything."""
        if self.traffic.supply.loads and not self._watching:
            self._watching = True
            sizes = {"maxTotalBufferSize": 0, "maxResourceBufferSize": 0}
            await self._send("Network.enable", sizes)

    def _note(self, found: list[Any]) -> None:
        # With scripts on, the page itself may have made this up.
        if len(found) != 3 or not all(isinstance(kind, list) for kind in found):
            return
        images, sheets, fonts = ([str(one) for one in kind[:MAX_NOTES]] for kind in found)
        for url in images:
            self.traffic.note(url, "it is no picture that the browser can show")
        for url in sheets:
            self.traffic.note(url, "the style sheet did not load")
        if not self.traffic.fonts_failed:
            for family in fonts:
                self.traffic.note(family, "the font cannot be used")

    async def _visit(self, url: str) -> None:
        self._arriving = True
        self._arrived.clear()
        answer = await self._send("Page.navigate", {"url": url})
        if "errorText" in answer:
            self._tainted = True
            raise ProtocolError(str(answer["errorText"]))
        await self._arrived.wait()
        await self._loaded.wait()
        self._address = url

    def _no_source(self, url: str, reason: str) -> RowError:
        why = self.traffic.source_error or reason
        return RowError(Code.SOURCE_FAILED, f"{url[:MAX_URL]} was not fetched: {why}.")

    def _taint(self, event: Json) -> None:
        if event["frameId"] == self._frame:
            self._tainted = True

    def _leave(self, event: Json) -> None:
        if event["frame"]["id"] != self._frame:
            return
        if self._arriving:
            self._arriving = False
            self._loaded.clear()  # what came before was the last document's
            self._arrived.set()
        else:
            self._tainted = self.left = True

    def _paused(self, event: Json) -> None:
        own = event.get("resourceType") == "Document" and event["frameId"] == self._frame
        if not own:
            self.traffic.answer(event)
        elif not self._arriving:
            if self.traffic.stay(event, loading=not self._loaded.is_set()):
                self._loaded.set()  # it would never come
        elif self.traffic.supply.url is not None:
            self.traffic.answer(event, source=True)
        else:
            self.traffic.blank(event)

    def _sent(self, event: Json) -> None:
        url = event["request"]["url"]
        if event.get("type") in _DRAWN and url.startswith("http"):
            self._loading[event["requestId"]] = url
            self._stirred = True
            self._still.clear()

    def _finished(self, event: Json) -> None:
        url = self._loading.pop(event["requestId"], None)
        self._stirred |= url is not None
        if url is not None and event.get("blockedReason"):
            self.traffic.note(url, f"the browser blocks it ({event['blockedReason']})")
        if not self._loading:
            self._still.set()

    def _dismiss(self, event: Json) -> None:
        accept = event.get("type") == "beforeunload"
        self._send("Page.handleJavaScriptDialog", {"accept": accept})

    def _said(self, event: Json) -> None:
        if event["type"] in ("error", "assert"):
            parts = (str(one.get("value", one.get("description", ""))) for one in event["args"])
            self._note_error(" ".join(parts) or "an assertion failed")

    def _threw(self, event: Json) -> None:
        self._note_error(_exception(event["exceptionDetails"]))

    def _note_error(self, text: str) -> None:
        if len(self.console) < MAX_CONSOLE:
            self.console.append(text[:200])


async def _value(answer: Awaitable[Json]) -> object:
    return (await answer)["result"].get("value")


def _exception(details: Json) -> str:
    thrown = details.get("exception", {})
    text = thrown.get("description", thrown.get("value", details.get("text", "an error")))
    return str(text).partition("\n")[0][:200]
