import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.github_actions import code, plain, table_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("3.3.8", "`3.3.8`"),
        ("a`b", "`a'b`"),
        ("a|b", "`a¦b`"),
        ("a\nb\x1b[31m", r"`a b\x1b[31m`"),
    ],
)
def test_code(text: str, shown: str) -> None:
    assert code(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("chart requirement jupyterhub", "chart requirement jupyterhub"),
        ("*bold* _thin_ [a](b)", "\\*bold\\* \\_thin\\_ \\[a\\](b)"),
        ("<b>@all #1 ~~x~~", "\\<b\\>\\@all \\#1 \\~\\~x\\~\\~"),
        ("back\\slash", "back\\\\slash"),
    ],
)
def test_plain(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_table() -> None:
    assert list(table_lines(("a", "b"), [("1", "2"), ("3", "4")])) == [
        "| a | b |",
        "|---|---|",
        "| 1 | 2 |",
        "| 3 | 4 |",
    ]


@given(st.text())
def test_no_text_leaves_its_cell(text: str) -> None:
    assert code(text).isprintable()
    assert code(text).count("`") == 2
    assert "|" not in code(text)
    assert plain(text).isprintable()
    assert "|" not in plain(text).replace("\\|", "")
