"""Where Invoke ends: faults out as an error line, a hint line and an exit code."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from invoke.exceptions import Exit
from invoke.parser import Argument
from invoke.tasks import Task

from . import faults, github_actions, output
from .faults import DOOR, asked_to_end_is_ctrl_c

log = logging.getLogger("hubpress")
REPO_HELP = {"repo": "the hub repository (default: that of the current folder)"}
JSON_HELP = {"json": "print one JSON object on standard output, and nothing else"}


@contextlib.contextmanager
def exits(*, json: bool = False) -> Iterator[None]:
    """Turn a fault in the block into Invoke's exit; with ``json`` it is reported on standard output as well."""
    try:
        yield
    except faults.Fault as fault:
        log.debug("the fault's traceback", exc_info=True)
        # That the file for it cannot be written would be one fault too many.
        with contextlib.suppress(faults.Fault):
            github_actions.tell({}, str(fault))
        if json:
            output.report(fault.report())
        raise Exit(str(fault), fault.code) from None


class HubTask(Task):  # type: ignore[type-arg]
    """A task that ends as the contract says, whatever happens in it."""

    def __eq__(self, other: object) -> bool:
        """Never be equal: Invoke drops a call that equals an earlier one, and a chain may commit twice."""
        return False

    __hash__ = Task.__hash__

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Return the task's arguments; what explains them is kept, which Invoke gives away the first time."""
        explained = dict(self.help)
        arguments = super().get_arguments(ignore_unknown_help)
        self.help = explained
        return arguments

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


def present(content: Mapping[str, Any], text: str, *, json: bool, ok: bool = True, changed: bool | None = None) -> None:
    """Print what a look found: ``content`` as JSON where that was asked for, else ``text``; and tell CI.

    The task ends with exit code 1 where the look is not ``ok``.
    """
    github_actions.tell(content, text, changed=changed)
    github_actions.annotate(content.get("problems", ()))
    if json:
        output.report(content)
    else:
        output.data(text)
    if not ok:
        raise Exit(code=faults.REFUSED)
