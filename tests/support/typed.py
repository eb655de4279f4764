"""Command lines of this program, checked against its own parsers without being run."""

import shlex

from invoke.exceptions import Exit
from invoke.parser import Parser
from invoke.parser.context import ParserContext
from invoke.program import Program

from tasks import ns
from tasks.program import HubPress


def refusal(line: str) -> str | None:
    """Return what is said against a line such as ``hubpress bump 4.4.0`` or ``invoke --dry bump``; None for nothing."""
    name, *words = shlex.split(line, comments=True)
    invoke = Program(namespace=ns)
    core = ParserContext(args=[*invoke.core_args(), *invoke.task_args()])
    try:
        if name == "hubpress":
            program = HubPress(version="", namespace=ns, name="hubpress", binary="hubpress")
            program.normalize_argv(["hubpress", *words])
            words = program.argv[1:]
        Parser(initial=core, contexts=ns.to_contexts()).parse_argv(words)
    except Exit as end:
        return str(end.message)
    except Exception as err:  # noqa: BLE001 - its parser raises its own, and ValueError where a flag has no value
        return str(err)
    return None
