"""What goes wrong in a task.

::

    PressroomError
    ├── NotYetError       something the task needs is not there yet: hand the task back, try later
    ├── BrokenJobError    the job cannot be finalized, however often it is tried: say so in a record
    └── SecretError       a webhook's key is missing or no text: a failed call, which is recorded
"""

from __future__ import annotations

from pressroom.errors import PressroomError


class NotYetError(PressroomError):
    """A record that must be there before the task is queued is missing. Tried again later."""


class BrokenJobError(PressroomError):
    """The job's files do not fit its ledgers, or cannot be merged. The job ends as failed."""


class SecretError(PressroomError):
    """A webhook's key cannot be had. Its owner may mend the Secret before the next call."""
