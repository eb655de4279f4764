"""How long a fetch may take, and how much it may bring."""

from __future__ import annotations

from typing import NamedTuple


class TooLarge(Exception):  # noqa: N818 - says what is wrong with an answer
    """It is larger than the bound."""


class TooLate(Exception):  # noqa: N818 - says what is wrong with an answer
    """It did not come in time."""


class Limits(NamedTuple):
    """The bounds of one fetch; times are in seconds.

    Attributes:
        connect: until a connection stands.
        read: between two pieces of the answer.
        total: for everything, redirects, retries and waits included.
        attempts: how often a fetch is tried when what failed may pass.
        backoff: the wait before the second attempt; it doubles with each further one.
        longest_wait: the most of a wait that a server asks for.
        redirects: how many of them are followed.
        size: the most bytes, before and after unpacking.
    """

    connect: float = 10
    read: float = 30
    total: float = 120
    attempts: int = 4
    backoff: float = 0.3
    longest_wait: float = 30
    redirects: int = 5
    size: int = 64 * 1024 * 1024
