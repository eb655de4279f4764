"""What readers are given: good files that were damaged, noise, and towers of one word."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

LARGEST = 200_000
# What the formats have in common, and what trips readers: ends of lines and of files, escapes, numbers out of range,
# half of a character, what a terminal or a shell takes for more than text.
WORDS = (
    *("\0", "\n", "\r\n", "\t", "\x1b[2J", "\ufeff", "\u2028", "é", "\U0001f40b", " ", "  ", "-", "--", "---", "..."),
    *("'", '"', "`", "\\", "\\\n", "$", "${", "}", "$(id)", "%{", "{", "{}", "[", "]", "[]", "(", ")", "!", "!!", "*"),
    *("&a", "*a", "<<:", ":", ": ", "#", "|", ">", "?", "@", "/", "../", "//", "~", ",", "=", "0", "-1", "1e999"),
    *("NaN", "9" * 5000, "null", "true", '"\\ud800"', "\\u0000", '"\\x00"', "sha256:", "::", "http://", "@sha256:"),
    "%00",
)
_WORDS = st.sampled_from([*(word.encode() for word in WORDS), b"\xff", b"\xc3", b"\xed\xa0\x80"])
_TIMES = st.sampled_from([1, 1, 1, 1, 2, 50, 3000])

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


@st.composite
def damaged(draw: Callable[..., Any], seeds: Sequence[bytes]) -> bytes:
    """Return one of ``seeds`` after a few cuts, copies and insertions; sometimes a tower, or noise."""
    kind = draw(st.integers(0, 19))
    if kind == 0:
        return bytes(draw(st.binary(max_size=300)))
    if kind == 1:
        return _tower(draw)
    text: bytes = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 6))):
        text = _damaged_once(draw, text)
    return text[:LARGEST]


def damaged_text(*seeds: str) -> SearchStrategy[str]:
    """Return texts as :func:`damaged` makes them."""
    return damaged([seed.encode() for seed in seeds]).map(lambda data: data.decode("utf-8", "replace"))


def _tower(draw: Callable[..., Any]) -> bytes:
    first, last = draw(_WORDS), draw(_WORDS)
    floors = draw(st.sampled_from([10, 1000, 20_000]))
    return bytes(first * floors + last * draw(st.sampled_from([0, 1, floors])))[:LARGEST]


def _damaged_once(draw: Callable[..., Any], text: bytes) -> bytes:
    at: int = draw(st.integers(0, len(text)))
    end: int = min(len(text), at + draw(st.integers(0, 40)))
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return text[:at] + text[end:]
    if kind == 1:
        times: int = draw(_TIMES)
        return text[:end] + text[at:end] * times + text[end:]
    word: bytes = draw(_WORDS) * draw(_TIMES)
    return text[:at] + word + text[at if kind == 2 else end :]


def trees(*seeds: Json) -> SearchStrategy[Json]:
    """Return ``seeds`` with other JSON values here and there: the right shape, the wrong types."""
    return st.sampled_from(seeds).flatmap(_grafted)


def _grafted(tree: Json) -> SearchStrategy[Json]:
    """Return ``tree``, mostly whole, each part of it sometimes another value."""
    whole: SearchStrategy[Json] = st.just(tree)
    if isinstance(tree, dict):
        whole = st.fixed_dictionaries({}, optional={key: _grafted(value) for key, value in tree.items()})
        whole = st.one_of(whole, st.fixed_dictionaries({key: _grafted(value) for key, value in tree.items()}))
    elif isinstance(tree, list):
        whole = st.tuples(*map(_grafted, tree)).map(list)
    return st.integers(0, 14).flatmap(lambda die: VALUES if die == 0 else whole)


_LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from([*WORDS, "\ud800"])
)
VALUES: SearchStrategy[Json] = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=5,
)
