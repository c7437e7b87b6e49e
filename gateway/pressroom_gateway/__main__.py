"""``python -m pressroom_gateway``."""

from __future__ import annotations

from pressroom_gateway.main import main

if __name__ == "__main__":
    main()
