"""``hubpress``: the same tasks as an installed command, for any hub repository."""

from __future__ import annotations

import contextlib
import inspect
import re
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from invoke.config import Config
from invoke.exceptions import ParseError
from invoke.parser import Argument, ParserContext
from invoke.program import Program

from . import ns
from .core import __version__
from .core.faults import Refused, nearest
from .core.options import Flag
from .core.output import table
from .core.settings import take_variables
from .run import exits

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
# They never change anything, dry or not.
_LOOKS = (*GROUPS["Inspect (read-only)"], "doctor")
_EXAMPLES = "Examples:"
_NARROWEST, _WIDEST = 20, 100
# Other spellings, each of a flag that the task, or every task, has: helm's, git's, apt's; and of a task.
_SPELLINGS = {
    "--dry-run": "--dry",
    "-n": "--dry",
    "-y": "--yes",
    "--version": "--to",
    "-m": "--message",
    "help": "--help",
}
_SYNONYMS = {"upgrade": "release", "update": "release", "deploy": "release", "diff": "preview"}
_COMMON = ("--dry", "--help", "--version", "--debug")
# What may follow a task that takes ``--to``.
_VERSION = re.compile(r"v?\d[\w.+-]*|latest|newest|stable")
# Short flags in one word, of which the last alone may take a value: not -f, not -m.
_SEVERAL = re.compile(r"-[^\W\d_cfmrDFT]+[A-Za-z]", re.ASCII)


class _Config(Config):
    """Invoke's configuration without any file: this command reads its settings itself."""

    def load_base_conf_files(self) -> None:
        """Leave the files of the machine and of the user alone."""

    def load_runtime(self, merge: bool = True) -> None:
        """Leave the file of ``-f`` alone."""


class HubPress(Program):
    """The command; a command line that cannot be read is a fault here, not a traceback."""

    def create_config(self) -> None:
        """Begin with Invoke's defaults."""
        self.config = _Config()

    def normalize_argv(self, argv: list[str] | None) -> None:
        """Take the command line, and spell it as Invoke does."""
        super().normalize_argv(argv)
        words = self.argv[1:]
        # A command line that is not finished follows it.
        if words[:1] != ["--complete"]:
            tasks = {str(context.name): _flags(context) for context in ns.to_contexts()}
            with _understood(words):
                spelled = _CommandLine([*words], _flags(self.initial_context), tasks).spelled()
            self.argv = [*self.argv[:1], *spelled]

    def parse_core(self, argv: list[str] | None) -> None:
        """Read Invoke's own flags; but Python may keep what it compiles, as ``tasks.py`` has it."""
        with _understood(argv or sys.argv):
            super().parse_core(argv)
        sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

    def parse_tasks(self) -> None:
        """Read the tasks and their flags."""
        with _understood(self.argv):
            super().parse_tasks()

    def print_help(self) -> None:
        """Print the tasks."""
        told = {name: (inspect.getdoc(task) or "").partition("\n")[0] for name, task in ns.tasks.items()}
        print("Move a Zero to JupyterHub hub image from release to release.\n")  # noqa: T201 - as Invoke does
        print("Usage: hubpress TASK [OPTIONS]   tasks chain: hubpress bump commit --push\n")  # noqa: T201
        for title, names in GROUPS.items():
            print(f"{title}:\n{table([(name, told[name]) for name in names], '  ')}\n")  # noqa: T201
        print(f"Options of every task:\n{table(OPTIONS, '  ')}\n")  # noqa: T201
        print("Start with: hubpress doctor, hubpress status, hubpress rehearse")  # noqa: T201

    list_flat = print_help

    def print_task_help(self, name: str) -> None:
        """Print how a task is used."""
        arguments = self.parser.contexts[name].args
        told = re.sub(rf"(?m)^  {name}\b", rf"  hubpress {name}", inspect.getdoc(ns[name]) or "")
        options = "\n".join(_option_lines(name, arguments))
        version = "[VERSION] " if "to" in arguments else ""
        print(f"Usage: hubpress {name} {version}[OPTIONS]\n")  # noqa: T201 - as Invoke does
        print(told.replace(_EXAMPLES, f"Options:\n{options}\n\n{_EXAMPLES}"))  # noqa: T201


class _CommandLine(NamedTuple):
    """The words that were typed; the flags of every task, by name; and those of each task."""

    words: list[str]
    core: Mapping[str, Argument]
    tasks: Mapping[str, Mapping[str, Argument]]

    def spelled(self) -> list[str]:
        """Return the words as Invoke knows them."""
        spelled: list[str] = []
        given: dict[str, str] = {}
        task, flags = "", self.core
        rest = iter(enumerate(self.words))
        for index, typed in rest:
            if _SEVERAL.fullmatch(typed) and f"-{typed}" not in flags:
                # The first of several short flags is read now, the others are the next words.
                self.words[index : index + 1] = [f"-{letter}" for letter in typed[1:]]
            word = self.words[index]
            following = "".join(self.words[index + 1 : index + 2])
            if word in {"-V", "--version"} and not ("--to" in flags and _VERSION.fullmatch(following)):
                return ["--version"]
            if word in self.tasks:
                task, flags = word, {**self.core, **self.tasks[word]}
                given = {flag: value for flag, value in given.items() if flag in self.core}
                spelled.append(word)
                continue
            flag, value = self._flag(index, task, flags, rest)
            if value and flags[flag].kind is not list and given.setdefault(flag, value) != value:
                raise Refused(f"{flag} is given twice", hint=f"leave one of them out: {given[flag]} or {value}")
            spelled.append(f"{flag}={value}" if value else flag)
        return spelled

    def _flag(
        self, index: int, task: str, flags: Mapping[str, Argument], rest: Iterator[tuple[int, str]]
    ) -> tuple[str, str]:
        """Return a flag as Invoke knows it, and its value, which may be the next word of the ``rest``."""
        word = self.words[index]
        name, equals, value = word.partition("=")
        if "--to" in flags and _VERSION.fullmatch(word):
            return "--to", word
        if word == "--":
            raise Refused("the words after -- are not read", hint=self._with(index))
        name = _SPELLINGS[name] if _SPELLINGS.get(name) in flags else name
        if name not in flags:
            raise self._unknown(index, task)
        argument = flags[name]
        # Invoke takes a collection of tasks behind it, and there is one alone.
        if name in {"-l", "--list"} and (equals or "".join(self.words[index + 1 : index + 2]) in self.tasks):
            raise Refused(f"{name} takes no value", hint=f"hubpress {name}")
        if argument.optional and equals and value not in self.tasks:
            raise Refused(f"unknown task: {value}", hint=f"hubpress help {nearest(value, self.tasks) or ''}".strip())
        if equals and not argument.takes_value:
            raise Refused(f"{name} takes no value", hint=self._with(index, name))
        if argument.takes_value and not argument.optional:
            value = value if equals else next(rest, (0, ""))[1]
            if value in {"", "--", *flags}:
                placeholder = argument.placeholder if isinstance(argument, Flag) else "VALUE"
                raise Refused(f"{name} needs a value", hint=self._with(index, f"{name} {placeholder}"))
        return name, value

    def _unknown(self, index: int, task: str) -> Refused:
        word, equals, value = self.words[index].partition("=")
        is_option = word.startswith("-")
        what = f"unknown option: {word}" if is_option else f"unknown task: {word}"
        later = next((one for one in self.words[index + 1 :] if one in self.tasks), "")
        if is_option and not task and {word, _SPELLINGS.get(word)} & {*self.tasks.get(later, {})}:
            return Refused(f"{word} is an option of {later}", hint=f"put it after {later}: hubpress help {later}")
        known = {name: name for name in (*self.tasks.get(task, {}), *_COMMON)} if is_option else {}
        known |= {one: of for one, of in _SPELLINGS.items() if of in known}
        known = known or {**{name: name for name in self.tasks}, **_SYNONYMS}
        names = {name.lstrip("-"): meant for name, meant in known.items()}
        # One letter is near every other.
        near = nearest(word.lstrip("-"), [name for name in names if name[1:]]) if word[2:] else None
        if near is None:
            return Refused(what, hint=f"hubpress help {task}".rstrip())
        return Refused(what, hint=f"did you mean: {self._with(index, f'{names[near]}{equals}{value}')}")

    def _with(self, index: int, said: str = "") -> str:
        """Return the command line with ``said`` in place of one word."""
        words = [shlex.quote(word) for word in self.words]
        return " ".join(("hubpress", *words[:index], *([said] if said else []), *words[index + 1 :]))


def _flags(context: ParserContext) -> dict[str, Argument]:
    named = {name: context.flags[flag] for flag in context.flags for name in context.names_for(flag)}
    return {**named, **{inverse: named[flag] for inverse, flag in context.inverse_flags.items()}}


@contextlib.contextmanager
def _understood(words: list[str]) -> Iterator[None]:
    with exits(json="--json" in words):
        try:
            yield
        except (ParseError, ValueError) as err:
            raise Refused(f"the command line is not understood: {err}", hint="hubpress help") from None


def _option_lines(task: str, arguments: Mapping[str, Argument]) -> Iterator[str]:
    flags = {}
    for argument in arguments.values():
        name = f"--{argument.names[0].replace('_', '-')}"
        value = f" {argument.placeholder}" if isinstance(argument, Flag) and argument.takes_value else ""
        flags[f"{'-y, ' if name == '--yes' else ''}{name}{value}"] = argument.help or ""
    if task not in _LOOKS:
        flags["-R, --dry"] = OPTIONS[0][1]
    width = max(map(len, flags))
    columns = min(shutil.get_terminal_size().columns, _WIDEST) - width - 5
    for flag, text in flags.items():
        first, *others = textwrap.wrap(text, max(columns, _NARROWEST))
        yield f"  {flag.ljust(width)}  {first}"
        yield from (f"  {' ' * width}  {line}" for line in others)


take_variables()
program = HubPress(version=__version__, namespace=ns, name="hubpress", binary="hubpress", binary_names=["hubpress"])
