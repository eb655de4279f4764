"""Outputs are compared with what the documents show, and nothing else is let through."""

from __future__ import annotations

import pytest

from .volatile import missing, settled


@pytest.mark.parametrize(
    ("expected", "came"),
    [
        ("a\nb\n", "a\nb\n"),
        ("...\nb\n", "a\nb\n"),
        ("a\n...\n", "a\nb\nc\n"),
        ("a\n...\nd\n", "a\nb\nd\nc\nd\n"),
        ("a\n  ...\nd\n", "a\nd\n"),
        ("bump * ...\n", "bump * images\n"),
        ("took 0.8 s\n", "took 12.3 s\n"),
        ("tag: 0.0.1-0.dev.git.2.h477d082\n", "tag: 0.0.1-0.dev.git.2.h0123456\n"),
        ("chart   1  x\n", "chart       1    x\n"),
    ],
)
def test_it_is_shown(expected: str, came: str) -> None:
    assert missing(expected, came) is None


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


def test_versions_and_words_stay_as_they_are() -> None:
    assert settled("jupyterhub 3.2.1 -> 3.3.8 (hub/values.yaml:6)") == "jupyterhub 3.2.1 -> 3.3.8 (hub/values.yaml:6)"
