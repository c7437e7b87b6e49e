"""Whether sample data fits its schema, told by a process of its own.

A schema is a tenant's, and a pattern of it may search for long: the process is killed then.
Run as a program it reads ``{"schema": …, "data": …}`` and prints the fault, if there is one.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import orjson

from pressroom.dataschema import checker

SECONDS = 5.0
_MOST_CHARACTERS = 1000


async def sample_fault(
    schema: dict[str, Any], data: dict[str, Any], *, seconds: float = SECONDS
) -> str | None:
    """What is wrong with the data, in a sentence; None where it fits."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(seconds):
            told, _ = await process.communicate(orjson.dumps({"schema": schema, "data": data}))
    except TimeoutError:
        return f"checking it takes more than {seconds:g} s: simplify the schema's patterns"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        return "it cannot be checked against the schema"
    return told.decode()[:_MOST_CHARACTERS] or None


def main() -> None:
    """Check what stands on the standard input."""
    asked = orjson.loads(sys.stdin.buffer.read())
    sys.stdout.write(checker(asked["schema"])(asked["data"]) or "")


if __name__ == "__main__":
    main()
