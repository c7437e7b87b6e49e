"""How a PDF is encrypted. Pure."""

from __future__ import annotations

import secrets

import pikepdf

from pressroom.model.finish import Encryption, Permission

#: Bytes of a password that count (ISO 32000-2, 7.6.4.3.3). Of more, readers ask for these alone,
#: and a file that was written with all of them opens with none.
_MOST = 127


def encryption_of(options: Encryption | None) -> pikepdf.Encryption | bool:
    """How a PDF is saved to be encrypted so; False without options.

    ValueError for a password that no reader would take.
    """
    if options is None:
        return False
    for password in (options.user_password, options.owner_password):
        if password is not None and len(password.encode()) > _MOST:
            raise ValueError(f"a password is longer than {_MOST} bytes")
    chosen = set(Permission) if options.permissions is None else set(options.permissions)
    modify = Permission.MODIFY in chosen
    return pikepdf.Encryption(
        user=options.user_password or "",
        # Without one, whoever opens the file could lift the restrictions.
        owner=options.owner_password or secrets.token_urlsafe(24),
        R=6,
        allow=pikepdf.Permissions(
            accessibility=True,
            extract=Permission.COPY in chosen,
            modify_annotation=Permission.ANNOTATE in chosen,
            modify_assembly=modify or Permission.ASSEMBLE in chosen,
            modify_form=modify or Permission.FILL_FORMS in chosen,
            modify_other=modify,
            print_lowres=Permission.PRINT in chosen,
            print_highres=Permission.PRINT in chosen,
        ),
    )
