"""Command lines of this program, checked against its own parsers without being run."""

import shlex

from invoke.exceptions import Exit
from invoke.parser import Parser
from invoke.parser.argument import Argument
from invoke.parser.context import ParserContext
from invoke.program import Program

from tasks import ns
from tasks.program import HubPress


def refusal(line: str) -> str | None:
    """Return what is said against a line such as ``hubpress bump 4.4.0`` or ``invoke --dry bump``; None for nothing."""
    name, *words = shlex.split(line, comments=True)
    return _not_hubpress(words) if name == "hubpress" else _not_invoke(words)


def _not_hubpress(words: list[str]) -> str | None:
    program = HubPress(version="", namespace=ns, name="hubpress", binary="hubpress")
    try:
        program.normalize_argv(["hubpress", *words])
    except Exit as end:
        return str(end.message)
    return _not_invoke(program.argv[1:])


def _not_invoke(words: list[str]) -> str | None:
    core = ParserContext(args=_core())
    try:
        Parser(initial=core, contexts=ns.to_contexts()).parse_argv(words)
    except Exception as err:  # noqa: BLE001 - its parser raises its own, and ValueError where a flag has no value
        return str(err)
    return None


def _core() -> list[Argument]:
    program = Program(namespace=ns)
    return [*program.core_args(), *program.task_args()]
