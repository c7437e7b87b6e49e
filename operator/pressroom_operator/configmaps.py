"""Rows in the text of a ConfigMap: CSV, or NDJSON of plain data. Pure; reads no resource.

Complaints name the row, counted from 0 like everywhere, and the line, counted from 1.
"""

from __future__ import annotations

import io
from pathlib import PurePosixPath
from typing import Any

import orjson

from pressroom.csvrows import parse_csv
from pressroom.errors import Code, UserError

Data = dict[str, Any]


def data_rows(key: str, text: str) -> list[Data]:
    """The data of each row; ``key`` ends in .csv, .ndjson or .jsonl. UserError with the place."""
    suffix = PurePosixPath(key).suffix.lower()
    if suffix == ".csv":
        return _csv(text)
    if suffix in (".ndjson", ".jsonl"):
        return _ndjson(text.removeprefix("\ufeff"))
    raise UserError(
        Code.INVALID_REQUEST,
        f"The key {key} does not say what its rows are written in. "
        "End it in .csv, .ndjson or .jsonl.",
    )


def _csv(text: str) -> list[Data]:
    try:
        return [dict(row) for row in parse_csv(text.encode())]
    except UserError as error:
        place = _csv_place(text, error)
        what = (
            error.message.removeprefix(f"Line {error.line} of the CSV: ")
            if place
            else error.message
        )
        raise UserError(error.code, place + what) from error


def _csv_place(text: str, error: UserError) -> str:
    """The row that the fault is in, unless that is the header."""
    before = io.StringIO(text.removeprefix("\ufeff"), newline="").readlines()[
        : (error.line or 1) - 1
    ]
    if not any(line.strip("\r\n") for line in before):
        return ""
    row = len(list(parse_csv("".join(before).encode())))
    return f"Row {row}, line {error.line}: "


def _ndjson(text: str) -> list[Data]:
    rows: list[Data] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            rows.append(_data(line, f"Row {len(rows)}, line {number}"))
    return rows


def _data(line: str, place: str) -> Data:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        text = f"{place}: not JSON: {error.msg} (column {error.colno})."
        raise UserError(Code.MALFORMED_JSON, text) from error
    if not isinstance(value, dict):
        text = f"{place}: not a JSON object. A line is the data of one row."
        raise UserError(Code.INVALID_REQUEST, text)
    return value
