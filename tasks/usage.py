"""What ``hubpress`` says of itself: its tasks, and how each is used."""

from __future__ import annotations

import inspect
import shutil
import textwrap
from typing import TYPE_CHECKING

from .core.output import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from invoke.collection import Collection
    from invoke.parser import Argument, ParserContext

GROUPS = {
    "Release": ("release", "rehearse"),
    "Steps of a release": ("auth", "bump", "commit", "build"),
    "Inspect (read-only)": ("status", "preview", "check"),
    "Setup": ("doctor", "init"),
}
OPTIONS: list[tuple[str, ...]] = [
    ("-R, --dry, --dry-run", "show the plan, every change and command; change nothing"),
    ("-h, --help", "show this, or how one task is used: hubpress help TASK"),
    ("-V, --version", "show the version"),
    ("-d, --debug", "show log records, and the traceback of an error"),
]
# What stands for a flag's value; VALUE for any other.
VALUES = {
    "to": "VERSION",
    "image": "NAME",
    "deployment": "NAME",
    "branch": "NAME",
    "builder": "NAME",
    "engine": "ENGINE",
    "key-file": "PATH",
    "repo": "PATH",
    "docs": "PATH",
    "message": "TEXT",
    "prefix": "PREFIX",
}
_EXAMPLES = "Examples:"
_WIDEST = 100


def overview(collection: Collection) -> str:
    """Return the tasks, in groups, and the options of all of them."""
    told = {name: (inspect.getdoc(task) or "").partition("\n")[0] for name, task in collection.tasks.items()}
    groups = ((f"{title}:", table([(name, told[name]) for name in names], "  "), "") for title, names in GROUPS.items())
    return "\n".join(
        (
            "Move a Zero to JupyterHub hub image from release to release.",
            "",
            "Usage: hubpress TASK [OPTIONS]   tasks chain: hubpress bump commit --push",
            "",
            *(line for group in groups for line in group),
            "Options of every task:",
            table(OPTIONS, "  "),
            "",
            "Start with: hubpress doctor, hubpress status, hubpress rehearse",
        )
    )


def of_task(name: str, documentation: str, context: ParserContext) -> str:
    """Return how a task is used: usage first, examples last."""
    version = "[VERSION] " if "to" in context.args else ""
    told, _, rest = documentation.partition(f"{_EXAMPLES}\n")
    examples, _, after = rest.partition("\n\n")
    return "\n".join(
        (
            f"Usage: hubpress {name} {version}[OPTIONS]",
            "",
            told.strip(),
            *(("", after.strip()) if after else ()),
            "",
            "Options:",
            *_option_lines(context.args),
            "",
            _EXAMPLES,
            *(f"  hubpress {line.strip()}" for line in examples.splitlines()),
        )
    )


def value_of(argument: Argument) -> str:
    """Return what stands for the value of a flag."""
    return VALUES.get(argument.names[0].replace("_", "-"), "VALUE")


def _option_lines(arguments: Mapping[str, Argument]) -> Iterator[str]:
    flags = {_flag(argument): argument.help or "" for argument in arguments.values()}
    flags["-R, --dry"] = OPTIONS[0][1]
    width = max(map(len, flags))
    columns = min(shutil.get_terminal_size().columns, _WIDEST)
    for flag, text in flags.items():
        lines = textwrap.wrap(text, columns - width - 5)
        yield f"  {flag.ljust(width)}  {lines[0]}"
        yield from (f"  {' ' * width}  {line}" for line in lines[1:])


def _flag(argument: Argument) -> str:
    flag = f"--{argument.names[0].replace('_', '-')}"
    if argument.names[0] == "yes":
        return f"-y, {flag}"
    return f"{flag} {value_of(argument)}" if argument.takes_value else flag
