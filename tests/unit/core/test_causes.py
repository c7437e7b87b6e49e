"""What people read of a client's error: the cause, no addresses."""

from __future__ import annotations

import socket

import pytest
import urllib3

from pressroom.causes import cause_of
from pressroom_local.servers import HOST, free_ports


def failure_of(url: str) -> Exception:
    with urllib3.PoolManager(retries=False, timeout=1) as pool:
        try:
            pool.request("GET", url)
        except Exception as error:  # noqa: BLE001 - it is what is looked at
            return error
    raise AssertionError("it answered")


def test_a_port_where_nobody_listens() -> None:
    assert cause_of(failure_of(f"http://{HOST}:{free_ports(1)[0]}/")) == "connection refused"


def test_a_server_that_says_nothing() -> None:
    with socket.create_server((HOST, 0)) as silent:
        url = f"http://{HOST}:{silent.getsockname()[1]}/"
        assert cause_of(failure_of(url)) == "no answer in time"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (socket.gaierror(-2, "Name or service not known"), "the host's name is not known"),
        (TimeoutError(), "no answer in time"),
        (ConnectionResetError(104, "reset by 10.0.0.1"), "connection reset by peer"),
        (OSError("3 objects were not deleted"), "OSError"),
        (RuntimeError("at 10.0.0.1"), "RuntimeError"),
    ],
)
def test_the_words_hold_no_address(error: Exception, text: str) -> None:
    assert cause_of(error) == text
