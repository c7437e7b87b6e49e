"""Whom the processes run as that touch what tenants wrote: an account without any rights."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass

from pressroom.errors import PressroomError


@dataclass(frozen=True)
class Account:
    """A user to drop to."""

    uid: int
    gid: int


def unprivileged(user: str) -> Account | None:
    """The account named ``user``, or by a number; None where this process is not root itself."""
    if os.geteuid() != 0:
        return None
    if user.isdigit():
        return Account(int(user), int(user))
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise PressroomError(f"There is no user {user!r} to run the browser as.") from error
    if entry.pw_uid == 0:
        raise PressroomError("The browser must not run as root.")
    return Account(entry.pw_uid, entry.pw_gid)
