"""The modifier at an OpenAI-compatible endpoint, with a stand-in for the endpoint on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pressroom.adapters.chat import (
    MAX_ANSWER,
    ChatModifier,
    ChatOptions,
    checked,
    expressions,
    open_chat,
)
from pressroom.errors import PressroomError
from pressroom.model.page import PageOptions
from pressroom.modifier import Draft, modify_all

HTML = "<h1>{{ doc.title }}</h1>{% for a in doc.b %}<p>{{ a }}</p>{% endfor %}"
CHANGED = HTML.replace("<h1>", '<h1 style="color:red">')
DRAFT = Draft(HTML, PageOptions(landscape=True))
KEY = "a-secret-key"


@dataclass
class Endpoint:
    """What the endpoint answers with, and what it was asked."""

    content: str = CHANGED
    status: int = 200
    body: bytes | None = None
    hangs: bool = False
    asked: list[Any] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        self.keys.append(request.headers.get("Authorization"))
        if self.hangs:
            await self.released.wait()
        if self.body is not None:
            return web.Response(body=self.body)
        if self.status in (301, 307):
            raise web.HTTPTemporaryRedirect("/elsewhere")
        message = {"role": "assistant", "content": self.content}
        return web.json_response({"choices": [{"message": message}]}, status=self.status)


@pytest.fixture
async def endpoint() -> AsyncIterator[tuple[Endpoint, ChatModifier]]:
    made = Endpoint()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", made.serve)
    async with TestServer(app) as server:
        options = ChatOptions(str(server.make_url("/v1")), "a-model", KEY, seconds=2)
        async with open_chat(options) as modifier:
            yield made, modifier
            made.released.set()


async def test_a_good_answer_takes_the_pages_place(endpoint: tuple[Endpoint, ChatModifier]) -> None:
    server, modifier = endpoint
    found = await modifier.apply(DRAFT, "Make the title red")
    assert found.draft == DRAFT.evolve(html=CHANGED)
    assert (found.done, found.missed) == (("Make the title red",), ())
    (asked,) = server.asked
    assert asked["model"] == "a-model"
    assert [message["role"] for message in asked["messages"]] == ["system", "user"]
    assert "Make the title red" in asked["messages"][1]["content"]
    assert HTML in asked["messages"][1]["content"]
    assert server.keys == [f"Bearer {KEY}"]


@pytest.mark.parametrize("fence", ["```html\n{}\n```", "```\n{}\n```", "\n  {}  \n"])
async def test_a_code_fence_is_taken_off(
    endpoint: tuple[Endpoint, ChatModifier], fence: str
) -> None:
    server, modifier = endpoint
    server.content = fence.format(CHANGED)
    assert (await modifier.apply(DRAFT, "red")).draft.html == CHANGED


async def test_an_unchanged_page_is_a_missed_request(
    endpoint: tuple[Endpoint, ChatModifier],
) -> None:
    server, modifier = endpoint
    server.content = HTML
    found = await modifier.apply(DRAFT, "Make it pop")
    assert (found.draft, found.done, found.missed) == (DRAFT, (), ("Make it pop",))


def _content(text: str) -> Callable[[Endpoint], None]:
    return lambda server: setattr(server, "content", text)


@pytest.mark.parametrize(
    ("arrange", "why"),
    [
        (_content("I am sorry, I cannot do that."), "no HTML"),
        (_content(""), "no HTML"),
        (_content(CHANGED + "{{ secret }}"), "adds template expressions"),
        (_content(CHANGED + "{% include 'x' %}"), "adds template expressions"),
        (_content(CHANGED + "{# c #}"), "adds template expressions"),
        (_content(CHANGED.replace("{% endfor %}", "")), "no template"),
        (_content(CHANGED + "x" * 40_000), "much longer"),
        (_content("<p>"), "leaves out"),
        (lambda server: setattr(server, "body", b"<html>busy</html>"), "no chat completion"),
        (lambda server: setattr(server, "body", b'{"choices":[]}'), "no chat completion"),
        (lambda server: setattr(server, "body", b"x" * (MAX_ANSWER + 1)), "longer than"),
        (lambda server: setattr(server, "status", 500), "answered 500"),
        (lambda server: setattr(server, "status", 401), "answered 401"),
        (lambda server: setattr(server, "status", 307), "answered 307"),
        (lambda server: setattr(server, "hangs", True), "did not answer in 2 s"),
    ],
)
async def test_what_fails_is_skipped_and_the_last_page_kept(
    endpoint: tuple[Endpoint, ChatModifier], arrange: Callable[[Endpoint], None], why: str
) -> None:
    server, modifier = endpoint
    good = (await modifier.apply(DRAFT, "first")).draft
    arrange(server)
    found = await modify_all(modifier, good, ["second"], seconds=30)
    assert found.draft == good
    (missed,) = found.missed
    assert missed.startswith("second: ")
    assert why in missed
    assert KEY not in missed


async def test_nobody_there() -> None:
    async with open_chat(ChatOptions("http://127.0.0.1:9/v1", "m")) as modifier:
        found = await modify_all(modifier, DRAFT, ["x"], seconds=30)
    assert found.draft == DRAFT
    assert "cannot be reached" in found.missed[0]


def test_expressions_are_whole_tags() -> None:
    text = "{{ a }}{% if {{ %}{# {{ x }} #}{{ b"
    assert expressions(text) == {"{{ a }}", "{% if {{ %}", "{# {{ x }} #}"}


@pytest.mark.parametrize("piece", ["{{", "{%", "{#", "{{%", "{{}", "{{}}"])
def test_a_hostile_template_takes_time_in_proportion(piece: str) -> None:
    html = "<p>{% raw %}" + piece * (200_000 // len(piece)) + "{% endraw %}"
    began = time.process_time()
    with contextlib.suppress(PressroomError):
        checked(html, html + "<b>")
    assert time.process_time() - began < 10
