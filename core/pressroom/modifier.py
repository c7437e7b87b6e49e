"""The port of whoever changes a page by an instruction in words. Pure; a protocol alone."""

from __future__ import annotations

from typing import Protocol


class Modifier(Protocol):
    """Changes a page as an instruction says."""

    def apply(self, html: str, instruction: str) -> str:
        """The page changed. PressroomError where the instruction is not understood."""
        ...
