"""``python -m pressroom_operator``."""

from pressroom_operator.main import main

main()
