"""What the check of a template finds, and that it computes nothing on the way."""

from __future__ import annotations

import pytest

from pressroom.templating import Environment, readable, syntax_fault


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<p>no template at all</p>",
        "{{ name|upper }} {% for i in order.items %}{{ loop.index }}{% endfor %}",
        "{{ Customer Name }} {{Größe 2}} {{- first -}} {{- Customer Name -}} {{ Total + }}",
        "{% if x is defined %}{{ x|default('-') }}{% endif %}",
        "{% raw %}{{ x y }}{% endraw %}{# {{ #}",
        "{{ nobody.there }}",
    ],
)
def test_what_can_be_rendered_has_no_fault(text: str) -> None:
    assert syntax_fault(text) is None


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("<p>\n{% if %}", 2, "Expected an expression"),
        ("{% for x in y %}\n", 1, "Unexpected end of template"),
        ("{{ Customer Name }}\n{% nope %}", 2, "Encountered unknown tag 'nope'"),
        ("\n\n{{ x|nope }}", 3, "No filter named 'nope'"),
        ("{% if a %}\n{{ x|nope }}{% endif %}", 2, "No filter named 'nope'"),
        ("{% if a is nope %}{% endif %}", 1, "No test named 'nope'"),
        ("{% block a %}{% endblock %}{% block a %}{% endblock %}", 1, "block 'a' defined twice"),
        ("\n{% include 'other' %}", 2, "There is no 'include': a template is one text."),
        ("{% if a %}\n{% import 'm' as m %}{% endif %}", 2, "There is no 'import'"),
        ("{% from 'm' import a %}", 1, "There is no 'from'"),
        ("{% extends layout %}", 1, "There is no 'extends'"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", 1, "nested too deeply"),
        ("{{ " + "1" * 5000 + " }}", 1, "digits"),
    ],
)
def test_a_fault_names_its_line(text: str, line: int, message: str) -> None:
    found = syntax_fault(text)
    assert found is not None
    assert found[0] == line
    assert message in found[1]


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        "{{ 9**(9**9) }}",
        "{{ 'a' * 10**11 }}",
        "{{ 'a'|center(10**11) }}",
        "{% set x = 9**(9**9) %}{% if 9**(9**9) %}{% endif %}",
        "{% autoescape 9**(9**9) %}{% endautoescape %}",
    ],
)
def test_nothing_is_computed(text: str) -> None:
    assert syntax_fault(text) is None


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["{{ ", "{{ a b", "{#", "{% raw %}", "{%", "{{" + " " * 1000])
def test_hostile_texts_are_found_out_quickly(piece: str) -> None:
    assert syntax_fault(piece * (300_000 // len(piece))) is not None


def test_a_token_becomes_a_lookup_on_its_line() -> None:
    parse = Environment(lenient=False, escape=True).parse
    assert readable("a\n{{ x y }}", parse) == 'a\n{{ _pressroom_row["x y"] }}'
    assert readable("{{ x }}", parse) == "{{ x }}"
