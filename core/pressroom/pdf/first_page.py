"""Another first page for a PDF that the browser printed twice. Pure."""

from __future__ import annotations

import io

import pikepdf


def replace_first_page(main: bytes, first: bytes) -> bytes:
    """``main``, its page 1 drawn as page 1 of ``first`` is.

    Links, tags and outline stay, for only what draws the page is replaced.
    """
    with pikepdf.open(io.BytesIO(main)) as target, pikepdf.open(io.BytesIO(first)) as source:
        ours, theirs = target.pages[0].obj, source.pages[0].obj
        for key in ("/Contents", "/Resources"):
            value = theirs.get(key)
            if value is not None:
                holder = source.make_indirect(value)
                ours[key] = target.copy_foreign(holder)
        out = io.BytesIO()
        # As plain as it was, for those who read it next.
        target.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable)
        return out.getvalue()
