"""The port of whoever changes a document by instructions in words. Pure; a protocol alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

from pressroom.errors import PressroomError
from pressroom.model.edits import Edit
from pressroom.model.page import PageOptions

#: Instructions for one document that are tried; what comes after them is skipped.
MAX_INSTRUCTIONS = 20
#: Characters of one instruction.
MAX_INSTRUCTION = 1000


@dataclass(frozen=True)
class Draft:
    """A document before it is rendered: its template, its page, what is done to the result.

    ``edits`` are made in order on the HTML that the template gives for the row.
    """

    html: str
    page: PageOptions
    edits: tuple[Edit, ...] = ()

    def evolve(self, **changes: Any) -> Self:
        """A copy with some fields replaced."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Modified:
    """The draft changed, what was done, and which parts of the instruction were not understood."""

    draft: Draft
    done: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()


class Modifier(Protocol):
    """Changes a document as an instruction says."""

    async def apply(self, draft: Draft, instruction: str) -> Modified:
        """What became of the draft. PressroomError where it cannot be changed now."""
        ...


async def modify_all(
    modifier: Modifier, draft: Draft, instructions: Sequence[str], seconds: float
) -> Modified:
    """The draft after all instructions, one after another, within so many seconds.

    One that fails is skipped, with its reason in ``missed``; the next works on the last draft
    that was good. Raises nothing of its own.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    done: list[str] = []
    missed: list[str] = []
    for instruction in instructions[:MAX_INSTRUCTIONS]:
        try:
            async with asyncio.timeout_at(deadline):
                found = await modifier.apply(draft, instruction)
        except TimeoutError:
            missed.append(f"{_brief(instruction)}: there was no time left for it.")
        except PressroomError as error:
            missed.append(f"{_brief(instruction)}: {error.message}")
        else:
            draft = found.draft
            done += found.done
            missed += found.missed
    if len(instructions) > MAX_INSTRUCTIONS:
        missed.append(f"Only the first {MAX_INSTRUCTIONS} instructions were tried.")
    return Modified(draft, tuple(done), tuple(missed))


def _brief(instruction: str) -> str:
    text = " ".join(instruction.split())
    return text if len(text) <= 80 else text[:79] + "…"
