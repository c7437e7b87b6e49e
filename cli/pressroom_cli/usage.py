"""`pressroom usage`: credits and what was used month by month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pressroom_cli.options import ApiKey, AsJson, FarmDir, Url, connect, reporting

if TYPE_CHECKING:
    from rich.table import Table

    from pressroom_cli.model import Json

_COLUMNS = ("month", "jobs", "rows", "pages", "credits")


def usage(
    as_json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
    state_dir: FarmDir = None,
) -> None:
    """What your tenant has used, and the credits that are left."""
    with reporting() as console, connect(url, api_key, state_dir) as client:
        from pressroom_cli.show import print_json

        found = client.usage()
        if as_json:
            print_json(found)
            return
        console.print(credits_line(found["credits"]))
        if found["months"]:
            console.print(month_table(found["months"]))


def credits_line(credit: Json) -> str:
    """One line on the credits."""
    used = f"{credit['spent']} spent, {credit['reserved']} reserved"
    if credit["available"] is None:
        return f"Credits: unlimited; {used}."
    return f"Credits: {credit['available']} of {credit['granted']} available; {used}."


def month_table(months: list[Json]) -> Table:
    """A line a month, as they come."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in _COLUMNS:
        table.add_column(name, justify="left" if name == "month" else "right", no_wrap=True)
    for month in months:
        table.add_row(*(str(month[name]) for name in _COLUMNS))
    return table
