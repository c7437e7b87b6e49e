"""Which modifier the settings ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pressroom.adapters.chat import ChatOptions, open_chat
from pressroom.modifier import Modifier
from pressroom.modifiers.plain import PlainModifier
from pressroom_gateway.settings import GatewaySettings, ModifierKind


@asynccontextmanager
async def open_modifier(settings: GatewaySettings) -> AsyncIterator[Modifier | None]:
    """The modifier while the context is open; None where modifications are to be skipped."""
    if settings.modifier is ModifierKind.NONE:
        yield None
    elif settings.modifier is ModifierKind.BUILTIN:
        yield PlainModifier()
    else:
        key = settings.modifier_api_key
        options = ChatOptions(
            base=settings.modifier_url or "",
            model=settings.modifier_model or "",
            key=key.get_secret_value() if key else "",
            seconds=settings.modifier_seconds,
        )
        async with open_chat(options) as modifier:
            yield modifier
