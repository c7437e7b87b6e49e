"""The process in which templates run: rows in, HTML out, one after the other.

It holds no secrets, has dropped its rights and may use only so much memory. It sets itself no
deadline: its parent (``typesetting``) kills it when a row takes too long.

Frames on both pipes: four bytes of length, then JSON.
"""

from __future__ import annotations

import os
import resource
import struct
import sys
import time
from typing import Any, BinaryIO

import orjson

from pressroom.errors import RowError
from pressroom.model.filenames import safe_name, with_extension
from pressroom_worker.templates import Engine

#: Bytes of address space over what the process needs to run at all.
MEMORY_BYTES = 768 * 1024 * 1024
HEAD = struct.Struct(">I")


def main() -> None:
    """Serve frames from standard input until it ends. Arguments: uid and gid to drop to, or -1."""
    engine = Engine()
    _warm_up(engine)
    _drop(int(sys.argv[1]), int(sys.argv[2]))
    read, write = sys.stdin.buffer, sys.stdout.buffer
    write.write(HEAD.pack(0))  # ready
    write.flush()
    while (request := _read(read)) is not None:
        sources = request["sources"]
        for row in request["rows"]:
            body = orjson.dumps(_row(engine, sources, row))
            write.write(HEAD.pack(len(body)) + body)
            write.flush()


def _row(engine: Engine, sources: list[list[Any]], row: dict[str, Any]) -> dict[str, Any]:
    started = time.perf_counter()
    lenient, data = row["lenient"], row["data"]
    answer: dict[str, Any] = {}
    try:
        if row["source"] is not None:
            html, css = sources[row["source"]]
            answer["html"] = engine.page(html, css, data, lenient=lenient)
            for part in ("header", "footer"):
                if row[part]:
                    answer[part] = engine.page(
                        row[part], None, data, lenient=lenient, part=f"{part}Html"
                    )
        answer["name"] = _name(engine, row)
    except RowError as error:
        answer = {"code": error.code.value, "message": error.message, "line": error.line}
    answer["seconds"] = time.perf_counter() - started
    return answer


def _name(engine: Engine, row: dict[str, Any]) -> str:
    name = row["id"]
    if row["pattern"]:
        values = {"row": row["index"], "id": row["id"], **row["data"]}
        name = engine.line(row["pattern"], values, lenient=row["lenient"], part="fileNamePattern")
    # Made safe first, so that cutting a long name cannot cost it its extension.
    return safe_name(with_extension(safe_name(name), row["extension"]))


def _warm_up(engine: Engine) -> None:
    """Load all that is loaded late: without rights, the interpreter's files may be unreadable."""
    text = "{% for a in b|sort %}{{ a.c|round|tojson }}{{ loop.index }}{% endfor %}{{ x Y }}"
    engine.page(text, "p {}", {"b": [{"c": 1.5}], "x Y": "é"}, lenient=True)
    for wrong in ("{% if %}", "{{ nothing }}"):
        try:
            engine.page(wrong, None, {}, lenient=False)
        except RowError:
            continue


def _drop(uid: int, gid: int) -> None:
    with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123 - pathlib is not loaded here
        used = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, used + MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
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
