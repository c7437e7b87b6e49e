"""The shared kernel of Pressroom: the model, the names, the errors and the ports of the farm.

Every part (gateway, operator, worker, finalizer, command line) imports this package, and no part
imports another. Modules under ``model`` are purely data: no input or output happens there.
"""

from __future__ import annotations

__version__ = "0.1.0"
