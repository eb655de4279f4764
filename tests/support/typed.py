"""Command lines of this program, checked against its own parser without being run."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from invoke.parser import Parser
from invoke.parser.context import ParserContext
from invoke.program import Program

from tasks import ns

if TYPE_CHECKING:
    from invoke.parser.argument import Argument


def refusal(line: str) -> str | None:
    """Return what Invoke's parser says against a line such as ``hubpress --dry bump --to 4.4.0``; None for nothing."""
    words = shlex.split(line, comments=True)[1:]
    core = ParserContext(args=_core())
    try:
        Parser(initial=core, contexts=ns.to_contexts()).parse_argv(words)
    except Exception as err:  # noqa: BLE001 - its parser raises its own, and ValueError where a flag has no value
        return str(err)
    return None


def _core() -> list[Argument]:
    program = Program(namespace=ns)
    return [*program.core_args(), *program.task_args()]
