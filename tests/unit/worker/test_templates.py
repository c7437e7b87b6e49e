"""What a template author sees: values, missing values, errors, tokens, the style sheet."""

from __future__ import annotations

from typing import Any

import pytest

from pressroom.errors import Code, RowError
from pressroom_worker.templates import CACHE_SIZE, MAX_OUTPUT, Engine


def page(html: str, data: dict[str, Any] | None = None, *, lenient: bool = False) -> str:
    return Engine().page(html, None, data or {}, lenient=lenient)


def failure(html: str, data: dict[str, Any] | None = None, **options: Any) -> RowError:
    with pytest.raises(RowError) as caught:
        page(html, data, **options)
    return caught.value


def test_values_are_escaped_unless_marked_safe() -> None:
    data = {"x": "<b>&</b>"}
    assert page("{{ x }}|{{ x|safe }}", data) == "&lt;b&gt;&amp;&lt;/b&gt;|<b>&</b>"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (250.0, "250"),
        (2.5, "2.5"),
        (-0.5, "-0.5"),
        (None, ""),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (1, "1"),
        (1e300, "1e+300"),
        ("1.0", "1.0"),
        ("True", "True"),
    ],
)
def test_values_look_as_people_write_them(value: Any, shown: str) -> None:
    assert page("{{ v }}", {"v": value}) == shown


@pytest.mark.parametrize(
    ("html", "shown"), [("{{ 250.0 }}", "250"), ("{{ none }}", ""), ("{{ 1 == 1 }}", "true")]
)
def test_values_in_the_text_look_the_same(html: str, shown: str) -> None:
    assert page(html) == shown


def test_keys_named_like_methods_reach_the_data() -> None:
    data = {"order": {"items": [1, 2], "keys": "k", "values": {"pop": 3}}, "plain": {"a": 1}}
    assert page("{% for i in order.items %}{{ i }}{% endfor %}", data) == "12"
    assert page("{{ order.keys }}{{ order.values.pop }}", data) == "k3"
    assert page("{% for k, v in plain.items() %}{{ k }}{{ v }}{% endfor %}", data) == "a1"


def test_a_missing_value_fails_a_strict_row_with_its_name() -> None:
    for html in (
        "{{ nobody }}",
        "{{ a.nobody }}",
        "{{ nobody|upper }}",
        "{% if nobody %}{% endif %}",
    ):
        error = failure(html, {"a": {}})
        assert (error.code, error.line) == (Code.TEMPLATE_UNDEFINED, 1)
        assert "'nobody'" in error.message


def test_a_missing_value_is_empty_in_a_lenient_row() -> None:
    assert page("[{{ a.b.c }}{{ No Such }}]", lenient=True) == "[]"


def test_a_default_serves_a_missing_value() -> None:
    assert page("{{ x|default('-') }}") == "-"


def test_a_syntax_error_names_its_line() -> None:
    error = failure("<p>\n<b>\n{% if %}")
    assert (error.code, error.line) == (Code.TEMPLATE_SYNTAX, 3)


def test_a_syntax_error_keeps_its_line_with_a_style_sheet() -> None:
    with pytest.raises(RowError) as caught:
        Engine().page("a\n{% nope %}", "p {\n}\n", {}, lenient=False)
    assert caught.value.line == 2


@pytest.mark.parametrize(
    ("html", "line"),
    [
        ("{{ x }}\n<head></head>{{ nobody }}", 2),
        ("<head>\n{{ nobody }}</head>", 2),
        ("<head></head>\n{{ x }}\n{{ nobody }}", 3),
        ("{{ x y }}\n{{ nobody }}\n<head></head>\n", 2),
        ("<head></head>\n{{ 1 / 0 }}", 2),
    ],
)
def test_what_fails_names_the_authors_line_whatever_the_style_sheet(html: str, line: int) -> None:
    data = {"x": 1, "x y": 2}
    for css in (None, "", "p {}", "p {\n}\n\n"):
        with pytest.raises(RowError) as caught:
            Engine().page(html, css, data, lenient=False)
        assert caught.value.line == line
        assert caught.value.message.startswith(f"Line {line} of the template: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n{{ nobody }}", "headerHtml, line 2: The row has no value named 'nobody'."),
        ("{% endif %}", "headerHtml, line 1: "),
        ("{{ 1 / 0 }}", "headerHtml, line 1: ZeroDivisionError: "),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "headerHtml is nested too deeply."),
    ],
)
def test_a_text_that_is_not_the_template_is_named(text: str, message: str) -> None:
    with pytest.raises(RowError) as caught:
        Engine().page(text, None, {}, lenient=False, part="headerHtml")
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    "html",
    [
        "{{ 1 / 0 }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ x.append(1) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% include 'other.html' %}",
        "{{ range(10000000) }}",
    ],
)
def test_whatever_else_goes_wrong_fails_the_row(html: str) -> None:
    error = failure(html, {"x": []})
    assert error.code in (Code.TEMPLATE_FAILED, Code.TEMPLATE_UNDEFINED)


def test_an_endless_page_stops_at_the_limit() -> None:
    html = "{% for a in range(50000) %}{% for b in range(50000) %}{{ x }}{% endfor %}{% endfor %}"
    error = failure(html, {"x": "x" * 10_000})
    assert error.code is Code.TEMPLATE_FAILED
    assert str(MAX_OUTPUT) in error.message


def test_column_names_with_blanks_are_tokens() -> None:
    data = {"Customer Name": "A & B", "Größe 2": 3, "first": "F"}
    html = "{{ Customer Name }} {{Größe 2}} {{- first -}} {{- Customer Name -}}"
    html += " {% raw %}{{ x y }}{% endraw %}"
    assert page(html, data) == "A &amp; B 3FA &amp; B{{ x y }}"


def test_a_missing_column_is_named() -> None:
    error = failure("{{ Customer Name }}", {"x": 1})
    assert error.code is Code.TEMPLATE_UNDEFINED
    assert "'Customer Name'" in error.message


def test_a_token_does_not_hide_another_syntax_error() -> None:
    error = failure("{{ Customer Name }}\n{% if %}", {"Customer Name": 1})
    assert (error.code, error.line) == (Code.TEMPLATE_SYNTAX, 2)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (
            "<html><head><title>t</title></HEAD>x",
            "<html><head><title>t</title><style>{}</style></HEAD>x",
        ),
        ("<!doctype html><p>x", "<!doctype html><style>{}</style><p>x"),
        ("<p>x", "<style>{}</style><p>x"),
    ],
)
def test_the_style_sheet_comes_last_in_the_head(html: str, expected: str) -> None:
    css = "@media print{#a{color:red}} b:after{content:'{% x %}{{ y }}'}"
    assert Engine().page(html, css, {}, lenient=False) == expected.replace("{}", css)


def test_a_style_sheet_cannot_end_its_element() -> None:
    out = Engine().page("x", "</style><script>", {}, lenient=False)
    assert out == "<style><\\/style><script></style>x"


def test_lines_are_not_escaped() -> None:
    assert Engine().line("{{ a }}", {"a": "R&D"}, lenient=False, part="p") == "R&D"


def test_more_templates_than_the_cache_holds() -> None:
    engine = Engine()
    for _ in range(2):
        for number in range(CACHE_SIZE + 5):
            assert (
                engine.page(f"{number}{{{{ a }}}}", None, {"a": 1}, lenient=False) == f"{number}1"
            )
