"""The process in which templates run: rows in, HTML out, one after the other.

It holds no secrets, has dropped its rights and may use only so much memory. It sets itself no
deadline: its parent (``typesetting``) kills it when a row takes too long.

Frames on both pipes: four bytes of length, then JSON.
"""

from __future__ import annotations

import functools
import os
import re
import resource
import struct
import sys
import time
from collections.abc import Callable
from typing import Any, BinaryIO

import orjson

from pressroom.dataschema import checker
from pressroom.errors import Code, RowError
from pressroom.model.filenames import safe_name, with_extension
from pressroom.modifiers.editing import edited
from pressroom_worker.templates import Engine

#: Bytes of address space over what the process needs to run at all.
MEMORY_BYTES = 768 * 1024 * 1024
HEAD = struct.Struct(">I")
#: Characters of a rendered text that is neither a page nor a file: a title, a password.
MAX_TEXT = 4000
#: Page texts (named as in ``pressroom.pagetexts``) that become HTML or XML: values are escaped.
MARKUP = frozenset({"headerHtml", "footerHtml", "firstHeaderHtml", "facturX.xml"})
#: Page texts that must not come out empty: a file without its password would be open to all.
REQUIRED = frozenset({"encryption.userPassword", "encryption.ownerPassword"})
#: Characters of a rendered URL.
MAX_URL = 2048
_HTTP = re.compile(r"https?://[^\s/?#][^\s]*", re.I)


def main() -> None:
    """Serve frames from standard input until it ends. Arguments: uid and gid to drop to, or -1."""
    engine = Engine()
    _warm_up(engine)
    _hold_libraries()
    _drop(int(sys.argv[1]), int(sys.argv[2]))
    read, write = sys.stdin.buffer, sys.stdout.buffer
    write.write(HEAD.pack(0))  # ready
    write.flush()
    while (request := _read(read)) is not None:
        work = _Work(engine, request)
        for row in request["rows"]:
            body = _packed(work.answer(row))
            write.write(HEAD.pack(len(body)) + body)
            write.flush()


class _Work:
    """The rows of one request, which have their sources, page texts and so on in common."""

    def __init__(self, engine: Engine, request: dict[str, Any]) -> None:
        self._engine = engine
        self._sources: list[list[Any]] = request["sources"]
        self._pages: list[dict[str, str]] = request["pages"]
        self._schemas: list[str] = request["schemas"]
        self._assets = [frozenset(names) for names in request["assets"]]

    def answer(self, row: dict[str, Any]) -> dict[str, Any]:
        """What becomes of a row: its HTML and name, or why it has none."""
        started = time.perf_counter()
        try:
            answer = self._made(row)
        except RowError as error:
            answer = {"code": error.code.value, "message": error.message, "line": error.line}
        except MemoryError:
            message = "The row needs too much memory."
            answer = {"code": Code.TEMPLATE_FAILED.value, "message": message}
        answer["seconds"] = time.perf_counter() - started
        return answer

    def _made(self, row: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        lenient, data = row["lenient"], row["data"]
        if data is None:
            raise RowError(Code.ROW_INVALID, "The row's data is nested too deeply.")
        place = row.get("assets")
        assets = self._assets[place] if place is not None else frozenset[str]()
        if row.get("schema") is not None:
            _check(self._schemas[row["schema"]], data)
        if row["source"] is not None:
            html, css = self._sources[row["source"]]
            answer["html"] = self._engine.page(html, css, data, lenient=lenient, assets=assets)
        if "edits" in row:
            answer["html"] = edited(answer.get("html") or row["html"] or "", row["edits"])
        if row["page"] is not None:
            answer["texts"] = {
                name: self._text(name, text, row, assets)
                for name, text in self._pages[row["page"]].items()
            }
        if "url" in row:
            answer["url"] = _url(self._engine.line(row["url"], data, lenient=lenient, part="url"))
        answer["name"] = _name(self._engine, row)
        return answer

    def _text(self, name: str, text: str, row: dict[str, Any], assets: frozenset[str]) -> str:
        data, lenient = row["data"], row["lenient"]
        if name in MARKUP:
            made = self._engine.page(text, None, data, lenient=lenient, part=name, assets=assets)
        else:
            made = self._engine.line(text, data, lenient=lenient, part=name)
            if len(made) > MAX_TEXT and not name.endswith("].text"):
                message = f"{name} is over {MAX_TEXT} characters long."
                raise RowError(Code.TEMPLATE_FAILED, message)
        if name in REQUIRED and not made.strip():
            raise RowError(Code.TEMPLATE_FAILED, f"{name} is empty for this row.")
        return made


def _packed(answer: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(answer)
    except orjson.JSONEncodeError:  # "\\ud800", which only a template itself can spell
        text = "What the template makes is no text: it holds half of a pair of surrogates."
        fault = {"code": Code.TEMPLATE_FAILED.value, "message": text}
        return orjson.dumps({**fault, "seconds": answer["seconds"]})


def _check(schema: str, data: dict[str, Any]) -> None:
    """RowError ``data_invalid`` where the data does not fit the template's schema."""
    try:
        fault = _checker(schema)(data)
    except re.error as error:
        fault = f"$: The schema has a wrong pattern: {error}."
    if fault is not None:
        raise RowError(Code.DATA_INVALID, f"The data does not fit the template's schema: {fault}")


@functools.lru_cache(maxsize=16)
def _checker(schema: str) -> Callable[[Any], str | None]:
    return checker(orjson.loads(schema))


def _url(text: str) -> str:
    text = text.strip()
    if len(text) > MAX_URL or not _HTTP.fullmatch(text):
        raise RowError(Code.SOURCE_FAILED, f"{text[:200]!r} is not an http or https URL.")
    return text


def _name(engine: Engine, row: dict[str, Any]) -> str:
    name = row["id"]
    if row["pattern"]:
        values = {"row": row["index"], "id": row["id"], **row["data"]}
        name = engine.line(row["pattern"], values, lenient=row["lenient"], part="fileNamePattern")
    # Made safe first, so that cutting a long name cannot cost it its extension.
    return safe_name(with_extension(safe_name(name), row["extension"]))


def _warm_up(engine: Engine) -> None:
    """Load now what every template needs; the filters' libraries are loaded when first used."""
    text = "{% for a in b|sort %}{{ a.c|round|tojson }}{{ loop.index }}{% endfor %}{{ x Y }}"
    engine.page(text, "p {}", {"b": [{"c": 1.5}], "x Y": "é"}, lenient=True)
    for wrong in ("{% if %}", "{{ nothing }}"):
        try:
            engine.page(wrong, None, {}, lenient=False)
        except RowError:
            continue


def _hold_libraries() -> None:
    """Let modules be imported through open directories from now on.

    Without rights, the way to the interpreter's directories may be barred, though not they.
    """
    held = {
        path: f"/proc/self/fd/{os.open(path, os.O_RDONLY | os.O_DIRECTORY)}"
        for path in sys.path
        if os.path.isdir(path)  # noqa: PTH112 - pathlib is not loaded here
    }
    sys.path[:] = [held.get(path, path) for path in sys.path]
    longest_first = sorted(held, key=len, reverse=True)
    for module in list(sys.modules.values()):
        places = getattr(module, "__path__", None)
        if not isinstance(places, list):
            continue
        for index, place in enumerate(places):
            root = next((path for path in longest_first if place.startswith(path + "/")), None)
            if root is not None:
                places[index] = held[root] + place[len(root) :]


def _drop(uid: int, gid: int) -> None:
    with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123 - pathlib is not loaded here
        used = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, used + MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    files = 16 + len(sys.path)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def _read(pipe: BinaryIO) -> Any:
    head = pipe.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    return orjson.loads(pipe.read(HEAD.unpack(head)[0]))


if __name__ == "__main__":
    main()
