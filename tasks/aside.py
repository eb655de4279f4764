"""Work on a thread of its own, which is left behind where nobody waits for it any more."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def begin(work: Callable[[], T]) -> Future[T]:
    """Begin ``work``, and return what waits for its result; the process may end before it does."""
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the outcome is awaited
            outcome.set_exception(error)

    Thread(target=run, daemon=True).start()
    return outcome


def within(seconds: float, work: Callable[[], T]) -> T:
    """Do ``work``, and leave it behind when it takes longer.

    A name server, or headers that drip, could hold a plain call for ever.

    Raises:
        TimeoutError: it took longer (that of :mod:`concurrent.futures`, which Python 3.10 tells from its own).
    """
    return begin(work).result(timeout=seconds)
