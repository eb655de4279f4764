"""Outputs are compared with what the documents show, and nothing else is let through."""

import pytest

from .volatile import missing


@pytest.mark.parametrize(
    ("expected", "came", "what"),
    [
        ("a\n", "b\n", "a"),
        ("a\n", "a\nb\n", "nothing more, but there was:\nb"),
        ("a\n", "", "a"),
        ("...\na\n", "a\nb\n", "a"),
        ("a\nc\n", "a\nb\nc\n", "a\nc"),
        ("a\n...\nc\n", "a\nb\n", "c"),
        ("version: 3.3.8\n", "version: 3.3.7\n", "version: 3.3.8"),
    ],
)
def test_it_is_not_shown(expected: str, came: str, what: str) -> None:
    assert missing(expected, came) == what
