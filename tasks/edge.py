"""Where Invoke ends and this program begins: settings in; faults out as an error line, a hint line and a code."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit
from invoke.tasks import Task

from . import ci, faults, show
from .door import DOOR
from .interrupts import asked_to_end_is_ctrl_c

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .ci import Told

log = logging.getLogger("hubpress")

REPO_HELP = {"repo": "the hub repository (default: the one the current folder lies in)"}
JSON_HELP = {"json": "print one JSON object on standard output and nothing else there"}


@contextlib.contextmanager
def exits() -> Iterator[None]:
    """Turn a fault in the block into Invoke's exit."""
    try:
        yield
    except faults.Fault as fault:
        log.debug("the fault's traceback", exc_info=True)
        _tell_of(fault)
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
        try:
            with exits(), asked_to_end_is_ctrl_c():
                return super().__call__(*args, **kwargs)
        except KeyboardInterrupt:
            message = "error: interrupted\nhint: run the same command again, it goes on where it stopped"
            raise Exit(message, faults.INTERRUPTED) from None
        except Exception as err:
            if isinstance(err, Exit):
                raise
            log.debug("an unexpected fault's traceback", exc_info=True)
            what = f"unexpected {type(err).__name__}: {err}"
            hint = f"run it with --debug and report what it prints: {DOOR} --debug {self.name}"
            raise Exit(str(faults.Refused(what, hint=hint)), faults.REFUSED) from None


def present(content: Mapping[str, Any], text: str, told: Callable[[], Told], *, json: bool) -> None:
    """Print what a look found: ``content`` as JSON where that was asked for, else ``text``; and tell CI."""
    if ci.is_listening():
        ci.tell(told())
        ci.annotate(content.get("problems", ()))
    if json:
        show.report(content)
    else:
        show.data(text)


def _tell_of(fault: faults.Fault) -> None:
    """Tell CI of a fault; that its file cannot be written would be one too many."""
    if ci.is_listening():
        with contextlib.suppress(faults.Fault):
            ci.tell(ci.of_fault(str(fault)))
