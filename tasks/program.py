"""``hubpress``: the same tasks as an installed command, for any hub repository."""

from __future__ import annotations

import contextlib
import inspect
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from invoke.config import Config
from invoke.exceptions import ParseError
from invoke.parser import Argument, ParserContext
from invoke.program import Program

from . import ns
from .core import __version__
from .core.faults import Refused, nearest
from .core.options import Flag
from .core.output import table
from .core.settings import readable_variables
from .run import exits

GROUPS = {
    "Release": ("release", "rehearse"),
    "Steps of a release": ("auth", "bump", "commit", "build"),
    "Inspect (read-only)": ("status", "preview", "check"),
    "Setup": ("doctor", "init"),
}
OPTIONS = [
    ("-R, --dry, --dry-run", "show the plan, every change and command; change nothing"),
    ("-h, --help", "show this, or how one task is used: hubpress help TASK"),
    ("-V, --version", "show the version"),
    ("-d, --debug", "show log records, and the traceback of an error"),
]
# Invoke's own.
_OWN = ("complete", "config", "debug", "dry", "help", "print-completion-script", "version")
# Read-only tasks.
_LOOKS = (*GROUPS["Inspect (read-only)"], "doctor")
# Other spellings of flags, as in helm, git and apt, and of tasks.
_SPELLINGS = {
    "--dry-run": "--dry",
    "-n": "--dry",
    "-y": "--yes",
    "--version": "--to",
    "-m": "--message",
    "help": "--help",
    "--list": "--help",
    "-l": "--help",
}
_SYNONYMS = {"upgrade": "release", "update": "release", "deploy": "release", "diff": "preview"}
_COMMON = ("--dry", "--help", "--version", "--debug")
# What may follow a task that takes ``--to``.
_VERSION = r"v?\d[\w.+-]*|latest|newest|stable"
Flags: TypeAlias = "Mapping[str, Argument]"


class _Config(Config):
    """Invoke's configuration without files: this command reads its settings itself."""

    def load_runtime(self, merge: bool = True) -> None:
        """Read no file of ``-f``."""


class HubPress(Program):
    """The command; an invalid command line is a fault, not a traceback."""

    col_padding = 2

    def create_config(self) -> None:
        """Begin with Invoke's defaults."""
        self.config = _Config(lazy=True)

    @property
    def initial_context(self) -> ParserContext:
        """Invoke's own flags, without those that have no effect here."""
        context = super().initial_context
        context.flags = ParserContext(args=[one for one in context.args.values() if one.name in _OWN]).flags
        return context

    def normalize_argv(self, argv: list[str] | None) -> None:
        """Take the command line, and translate it to Invoke's spelling."""
        super().normalize_argv(argv)
        words = self.argv[1:]
        # An incomplete command line follows.
        if words[:1] != ["--complete"]:
            core = self.initial_context
            tasks = {str(context.name): _flags(core, context) for context in ns.to_contexts()}
            with _understood(words):
                self.argv = [*self.argv[:1], *_spelled(words, _flags(core), tasks)]

    def parse_core(self, argv: list[str] | None) -> None:
        """Read Invoke's own flags, but let Python write its bytecode cache."""
        with _understood(argv or sys.argv):
            super().parse_core(argv)
        sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

    def parse_tasks(self) -> None:
        """Read the tasks and their flags."""
        with _understood(self.argv):
            super().parse_tasks()

    def execute(self) -> None:
        """Run the tasks; before each one, Invoke reads its variables."""
        with exits(json="--json" in self.argv), readable_variables():
            super().execute()

    def print_help(self) -> None:
        """Print the tasks."""
        summaries = {name: (inspect.getdoc(task) or "").partition("\n")[0] for name, task in ns.tasks.items()}
        print("Move a Zero to JupyterHub hub image from release to release.\n")  # noqa: T201 - as Invoke does
        print("Usage: hubpress TASK [OPTIONS]   tasks chain: hubpress bump commit --push\n")  # noqa: T201
        for title, names in GROUPS.items():
            print(f"{title}:")  # noqa: T201
            self.print_columns([(name, summaries[name]) for name in names])
        print("Options of every task:")  # noqa: T201
        self.print_columns(OPTIONS)
        print("Start with: hubpress doctor, hubpress status, hubpress rehearse")  # noqa: T201

    def print_columns(self, tuples: Sequence[tuple[str, str | None]]) -> None:
        """Print a table like Invoke; if the terminal is too narrow for that, let it wrap the lines."""
        try:
            super().print_columns(tuples)
        except ValueError:
            print(table([(name, text or "") for name, text in tuples], "  ") + "\n")  # noqa: T201 - as Invoke does

    def print_task_help(self, name: str) -> None:
        """Print how a task is used."""
        arguments = self.parser.contexts[name].args
        text = re.sub(rf"(?m)^  {name}\b", rf"  hubpress {name}", inspect.getdoc(ns[name]) or "")
        about, title, examples = text.partition("Examples:")
        version = "[VERSION] " if "to" in arguments else ""
        print(f"Usage: hubpress {name} {version}[OPTIONS]\n\n{about}Options:")  # noqa: T201 - as Invoke does
        dry = [] if name in _LOOKS else [("-R, --dry", OPTIONS[0][1])]
        self.print_columns([*map(_option, arguments.values()), *dry])
        print(f"{title}{examples}")  # noqa: T201


def _flags(*contexts: ParserContext) -> dict[str, Argument]:
    flags: dict[str, Argument] = {}
    for context in contexts:
        flags |= {name: context.flags[flag] for flag in context.flags for name in context.names_for(flag)}
        flags |= {inverse: context.flags[flag] for inverse, flag in context.inverse_flags.items()}
    return flags | {name: flags[flag] for name, flag in _SPELLINGS.items() if flag in flags}


def _spelled(words: Iterable[str], core: Flags, tasks: Mapping[str, Flags]) -> list[str]:
    """Return ``words`` in Invoke's spelling, by the flags before the tasks, and those of each task.

    Raises Refused for an unknown task or flag, for a missing or unexpected value, and for a value that is given twice.
    """
    help_of, flags = "hubpress help", core
    spelled, rest = ["hubpress"], [*words]
    valued: set[Argument] = set()
    while rest:
        word = rest.pop(0)
        word = f"--to={word}" if "--to" in flags and re.fullmatch(_VERSION, word) else word
        name, equals, value = word.partition("=")
        if word in tasks:
            help_of, flags = f"hubpress help {word}", tasks[word]
            valued.clear()
        elif name[2:] and name[:2] in flags and f"-{name}" not in flags:
            # Short flags in one word, the last one perhaps with its value.
            rest[:0] = [name[:2], word[2:] if flags[name[:2]].takes_value else f"-{word[2:]}"]
            continue
        elif name not in flags:
            meant = _meant(name, tasks, core, flags)
            is_early = flags is core and any(name in one for one in tasks.values())
            otherwise = f"an option follows its task: hubpress TASK {name}" if is_early else help_of
            hint = f"did you mean: {shlex.join((*spelled, meant + equals + value, *rest))}" if meant else otherwise
            what = f"unknown option: {name}" if name.startswith("-") else f"unknown task: {name}"
            raise Refused(what, hint=hint)
        elif flags[name] is core["--version"]:
            return ["--version"]
        elif equals and (flags[name].optional or not flags[name].takes_value):
            raise Refused(f"{name} takes no value", hint=help_of)
        else:
            word = _SPELLINGS.get(name, name)
            if flags[name].takes_value and not flags[name].optional:
                value, rest = (value, rest) if equals else ("".join(rest[:1]), rest[1:])
                if not value or (value.startswith("-") and value in flags):
                    raise Refused(f"{name} needs a value", hint=help_of)
                if flags[name] in valued and flags[name].kind is not list:
                    raise Refused(f"{name} is given twice", hint=f"give it once: {name} {shlex.quote(value)}")
                valued.add(flags[name])
                word = f"{word}={value}"
        spelled.append(word)
    return spelled[1:]


def _meant(word: str, tasks: Iterable[str], core: Flags, flags: Flags) -> str:
    """Return the task or flag closest to ``word``, or an empty string."""
    own = (flag for flag in flags if flag not in core or flag in _COMMON)
    known = {one.lstrip("-"): one for one in (own if word.startswith("-") else (*tasks, *_SYNONYMS))}
    bare = word.lstrip("-")
    opposite = bare[3:] if bare.startswith("no-") else f"no-{bare}"
    # A single letter matches too much.
    near = nearest(bare, (one for one in known if one[1:] and one != opposite)) if word[2:] else None
    return _SYNONYMS.get(near, known[near]) if near else ""


@contextlib.contextmanager
def _understood(words: list[str]) -> Iterator[None]:
    with exits(json="--json" in words):
        try:
            yield
        except (ParseError, ValueError) as err:
            raise Refused(f"the command line is not understood: {err}", hint="hubpress help") from None


def _option(argument: Argument) -> tuple[str, str]:
    name = f"--{argument.names[0].replace('_', '-')}"
    value = f" {argument.placeholder}" if isinstance(argument, Flag) and argument.takes_value else ""
    return f"{'-y, ' if name == '--yes' else ''}{name}{value}", argument.help or ""


program = HubPress(version=__version__, namespace=ns, name="hubpress", binary="hubpress", binary_names=["hubpress"])
