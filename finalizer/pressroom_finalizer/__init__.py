"""The finalizer: job ledgers, ZIPs, merged PDFs, webhooks and purges.

It reads tasks, ledgers, row files and webhook Secrets, and writes outputs and their records. It
never writes the status of any resource, and never renders.
"""

from __future__ import annotations
