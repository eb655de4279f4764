"""Where Invoke ends: faults out as an error line, a hint line and an exit code; interrupts."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from invoke.exceptions import Exit
from invoke.tasks import Task

from . import faults, github_actions, output
from .faults import DOOR
from .github_actions import Told

_ASKED_TO_END = (signal.SIGTERM, signal.SIGHUP)
log = logging.getLogger("hubpress")
REPO_HELP = {"repo": "the hub repository (default: the one around the current folder)"}
JSON_HELP = {"json": "print one JSON object, and nothing else, on standard output"}


@contextlib.contextmanager
def asked_to_end_is_ctrl_c() -> Iterator[None]:
    """Let SIGTERM, and SIGHUP of a terminal that closes, interrupt the block as Ctrl-C does.

    What somebody else handles or ignores (``nohup``) stays as it is.
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
    """Hold an interrupt back until the block has ended."""
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


@contextlib.contextmanager
def exits(*, json: bool = False) -> Iterator[None]:
    """Turn a fault in the block into Invoke's exit; with ``json`` it is reported on standard output as well."""
    try:
        yield
    except faults.Fault as fault:
        log.debug("the fault's traceback", exc_info=True)
        _tell_of(fault)
        if json:
            output.report(fault.report())
        raise Exit(str(fault), fault.code) from None


class HubTask(Task):  # type: ignore[type-arg]
    """A task that ends as the contract says, whatever happens in it."""

    def __eq__(self, other: object) -> bool:
        """Never be taken for another call's task.

        Invoke drops a call that equals an earlier one, and tells by their tasks: a chain may commit twice.
        """
        return False

    __hash__ = Task.__hash__

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Run the task's body, and turn faults into Invoke's exit."""
        with exits(json=bool(kwargs.get("json"))):
            try:
                with asked_to_end_is_ctrl_c():
                    return super().__call__(*args, **kwargs)
            except KeyboardInterrupt:
                hint = "run the same command again, it goes on where it stopped"
                raise faults.Interrupted("interrupted", hint=hint) from None
            except (Exit, faults.Fault):
                raise
            except Exception as err:
                hint = f"run it with --debug and report what it prints: {DOOR} --debug {self.name}"
                raise faults.Refused(f"unexpected {type(err).__name__}: {err}", hint=hint) from err


def present(content: Mapping[str, Any], text: str, told: Callable[[], Told], *, json: bool) -> None:
    """Print what a look found: ``content`` as JSON where that was asked for, else ``text``; and tell CI."""
    if github_actions.is_listening():
        github_actions.tell(told())
        github_actions.annotate(content.get("problems", ()))
    if json:
        output.report(content)
    else:
        output.data(text)


def _in_main_thread() -> bool:
    """Whether signals can be handled here (https://docs.python.org/3/library/signal.html#signals-and-threads)."""
    return threading.current_thread() is threading.main_thread()


def _tell_of(fault: faults.Fault) -> None:
    """Tell CI of a fault; that its file cannot be written would be one too many."""
    if github_actions.is_listening():
        with contextlib.suppress(faults.Fault):
            github_actions.tell(github_actions.of_fault(str(fault)))
