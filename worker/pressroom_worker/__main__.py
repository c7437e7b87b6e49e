"""``python -m pressroom_worker``."""

from __future__ import annotations

from pressroom_worker.main import main

main()
