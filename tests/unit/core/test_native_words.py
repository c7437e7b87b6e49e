"""Words of the native API may be written in any case."""

from __future__ import annotations

import pytest

from pressroom.dialects import native
from pressroom.errors import UserError
from pressroom.model.checks import Check, Checks, Policy


@pytest.mark.parametrize("word", ["fail", "Fail", "FAIL"])
@pytest.mark.parametrize("check", list(Check))
def test_what_a_check_means_is_such_a_word(check: Check, word: str) -> None:
    options = native.parse_options({"html": "<p>", "page": {"checks": {check.value: word}}})
    assert options.page is not None
    assert (options.page.checks or Checks()).policy(check) is Policy.FAIL


def test_another_word_is_refused() -> None:
    with pytest.raises(UserError) as caught:
        native.parse_options({"html": "<p>", "page": {"checks": {"blankPages": "maybe"}}})
    assert caught.value.path == "page.checks.blankPages"
