"""``python -m pressroom_finalizer``."""

from __future__ import annotations

from pressroom_finalizer.main import main

main()
