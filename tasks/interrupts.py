"""Ctrl-C and its like: who is asked to end, ends in the same way, and never in the middle of what must be whole."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ASKED_TO_END = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def asked_to_end_is_ctrl_c() -> Iterator[None]:
    """Let SIGTERM, and SIGHUP of a terminal that closes, interrupt the block as Ctrl-C does.

    What somebody else handles or ignores (``nohup``) stays as it is.

    Raises:
        KeyboardInterrupt: one of them came.
    """
    if not _in_main_thread():
        yield
        return
    numbers = [number for number in _ASKED_TO_END if signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Hold an interrupt back until the block has ended.

    Raises:
        KeyboardInterrupt: one came meanwhile; it is raised after the block.
    """
    if not _in_main_thread():
        yield
        return
    came: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, *_ASKED_TO_END)}
    handled = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in handled:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _in_main_thread() -> bool:
    """Whether signals can be handled here (https://docs.python.org/3/library/signal.html#signals-and-threads)."""
    return threading.current_thread() is threading.main_thread()
