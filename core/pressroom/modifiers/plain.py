"""The built-in modifier: plain English, by rules. What no rule knows is told, never guessed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from pydantic import ValidationError

from pressroom.model.edits import MAX_EDITS
from pressroom.modifier import MAX_INSTRUCTION, Draft, Modified
from pressroom.modifiers import content, looks, marks, sheet
from pressroom.modifiers.words import Change, Clause, clauses

#: Characters of a request, quoted texts apart: rules take time by the square of it.
MOST_CLAUSE = 300
#: Characters of one that is tried in two parts, and words that both may begin with.
MOST_DIVIDED = 120
_MOST_SHARED = 4
#: In this order: the first rule that knows a clause has it.
_RULES = (*sheet.RULES, *marks.RULES, *looks.RULES, *content.RULES)


class PlainModifier:
    """Understands the usual requests; see docs/modifications.md."""

    async def apply(self, draft: Draft, instruction: str) -> Modified:
        """The draft after every clause that was understood. Raises nothing."""
        return await asyncio.to_thread(modify, draft, instruction)


def modify(draft: Draft, instruction: str) -> Modified:
    """The draft after every clause of the instruction that was understood, in order."""
    if len(instruction) > MAX_INSTRUCTION:
        return Modified(draft, missed=(f"Longer than {MAX_INSTRUCTION} characters.",))
    done: list[str] = []
    missed: list[str] = []
    for clause in clauses(instruction, draft.page):
        current = Clause(clause.text, clause.quoted, draft.page)
        change = _understood(current) or _divided(current)
        changed = _changed(draft, change) if change is not None else None
        if change is None or changed is None:
            missed.append(clause.shown())
        else:
            draft = changed
            done.append(change.done)
    if not done and not missed:
        missed.append(" ".join(instruction.split()))
    return Modified(draft, tuple(done), tuple(missed))


def _understood(clause: Clause) -> Change | None:
    if len(clause.text) > MOST_CLAUSE:
        return None
    for pattern, handler in _RULES:
        match = pattern.fullmatch(clause.text)
        change = handler(clause, match) if match else None
        if change is not None:
            return change
    return None


def _divided(clause: Clause) -> Change | None:
    """``make the total red and bold``: the beginning holds for what follows the *and* too."""
    first, joint, second = clause.text.partition(" and ")
    if not joint or len(clause.text) > MOST_DIVIDED:
        return None
    one = _understood(replace(clause, text=first))
    if one is None or one.page is not None:
        return None
    words = first.split()
    for count in range(1, min(len(words), _MOST_SHARED) + 1):
        text = f"{' '.join(words[:count])} {second}"
        other = _understood(replace(clause, text=text))
        same = other is not None and other.done.split(" is ")[0] == one.done.split(" is ")[0]
        if other is not None and other.page is None and not same:
            return Change(f"{one.done} {other.done}", one.edits + other.edits)
    return None


def _changed(draft: Draft, change: Change) -> Draft | None:
    """The draft with a change; None where it would be too much."""
    edits = draft.edits + change.edits
    if len(edits) > MAX_EDITS:
        return None
    try:
        page = change.page.over(draft.page) if change.page else draft.page
    except ValidationError:
        return None
    return draft.evolve(page=page, edits=edits)
