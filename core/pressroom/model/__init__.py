"""The data of the farm: resources, rows, plans, ledgers. Purely data; no input or output here."""

from __future__ import annotations
