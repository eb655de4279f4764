"""``hubpress``: the same tasks as an installed command, for any hub repository."""

from __future__ import annotations

import contextlib
import inspect
import os
import re
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from invoke.collection import Collection
from invoke.exceptions import ParseError
from invoke.parser import Argument, ParserContext
from invoke.program import Program

from . import ns
from .core import __version__
from .core.faults import Refused, Unusable, nearest
from .core.options import Flag
from .core.output import table
from .core.settings import invokes_own_files, read_by_invoke, require_readable, take_variables
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
_NARROWEST = 20
_WIDEST = 100


# Other spellings, each of a flag that the task, or every task, has: helm's, git's, apt's; and of a task.
_SPELLINGS = {"--dry-run": "--dry", "-n": "--dry", "-y": "--yes", "--version": "--to", "-m": "--message"}
_SYNONYMS = {"upgrade": "release", "update": "release", "deploy": "release", "diff": "preview"}
_SHOW_VERSION = {"-V", "--version"}
# Invoke takes a collection of tasks after them, and there is one alone.
_LISTS = {"-l", "--list"}
# What may follow a task that takes ``--to``.
_VERSION = re.compile(r"v?\d[\w.+-]*|latest|newest|stable")
_SEVERAL = re.compile(r"-[A-Za-z]{2,}")
_REST = "--"


class HubPress(Program):
    """The command; what cannot be read is a fault here, not a traceback."""

    def create_config(self) -> None:
        """Read Invoke's own files, where there are any: it ends in a traceback where the home cannot be entered."""
        there = [file for file in invokes_own_files() if os.path.lexists(file)]
        with exits(json="--json" in sys.argv):
            for file in there:
                require_readable(file)
        self.config = self.config_class(lazy=not there)

    def normalize_argv(self, argv: list[str] | None) -> None:
        """Take the command line, and spell it as Invoke does."""
        super().normalize_argv(argv)
        words = self.argv[1:]
        # A command line that is not finished follows it.
        if words[:1] == ["--complete"]:
            return
        tasks = {str(context.name): context for context in ns.to_contexts()}
        with exits(json="--json" in words):
            spelled = [*_CommandLine(words, _flags(self.initial_context), tasks).spelled()]
            # Invoke looks for it before the first task alone.
            asked = [word for word in spelled if word in _SHOW_VERSION]
            self.argv = [*self.argv[:1], *(asked or spelled)]

    def parse_core(self, argv: list[str] | None) -> None:
        """Read Invoke's own flags; but Python may keep what it compiles, as ``tasks.py`` has it."""
        with _understood(json="--json" in (argv or sys.argv)):
            super().parse_core(argv)
        sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

    def parse_tasks(self) -> None:
        """Read the tasks and their flags."""
        with _understood(json="--json" in self.argv):
            super().parse_tasks()

    def update_config(self, merge: bool = True) -> None:
        """Read the file that ``-f`` names."""
        named = self.args.config.value
        with exits(json="--json" in self.argv):
            try:
                with read_by_invoke(Path(named) if named else None):
                    super().update_config(merge)
                    self.config.load_shell_env()
            except FileNotFoundError as err:
                raise Unusable("no such file", where=named, hint=f"ls -l {named}") from err

    def print_help(self) -> None:
        """Print the tasks."""
        print(_overview(self.collection))  # noqa: T201 - as Invoke does

    list_flat = print_help

    def print_task_help(self, name: str) -> None:
        """Print how a task is used."""
        print(_of_task(name, inspect.getdoc(self.collection[name]) or "", self.parser.contexts[name]))  # noqa: T201


class _CommandLine(NamedTuple):
    """The words that were typed; the flags of every task, by name; and the tasks, by name."""

    words: list[str]
    core: Mapping[str, Argument]
    tasks: Mapping[str, ParserContext]

    def spelled(self) -> Iterator[str]:
        """Yield the words as Invoke knows them."""
        task, flags = None, self.core
        given: dict[str, str] = {}
        rest = iter(enumerate(self.words))
        for index, word in rest:
            # The first of several short flags is read now, the others are the next words.
            self.words[index : index + 1] = self._letters(word)
            typed = self.words[index]
            if typed in self.tasks:
                task = self.tasks[typed]
                flags = {**self.core, **_flags(task)}
                given = {flag: value for flag, value in given.items() if flag in self.core}
                yield typed
                continue
            if typed == _REST:
                raise Refused("the words after -- are not read", hint=self._without(index, 1))
            if typed == "help":
                spelled = "--help"
            elif typed.startswith("-"):
                spelled = self._flag(index, flags, task, rest)
            elif "--to" in flags and _VERSION.fullmatch(typed):
                spelled = f"--to={typed}"
            else:
                raise self._unknown(index, "task", self.tasks, task)
            flag, _, value = spelled.partition("=")
            if given.get(flag, value) != value:
                raise self._twice(index, flag, given[flag], value)
            if flag in given:
                continue
            if flag in flags and flags[flag].takes_value and flags[flag].kind is not list:
                given[flag] = value
            yield spelled

    def _flag(
        self, index: int, flags: Mapping[str, Argument], task: ParserContext | None, rest: Iterator[tuple[int, str]]
    ) -> str:
        """Return a flag as Invoke knows it, with its value, which may be the next word of the ``rest``."""
        typed = self.words[index]
        word, equals, value = typed.partition("=")
        name = _SPELLINGS[word] if _SPELLINGS.get(word) in flags else word
        following = "".join(self.words[index + 1 : index + 2])
        if word in _SHOW_VERSION and not (equals or _VERSION.fullmatch(following)):
            name = word
        if name not in flags:
            if typed[:2] in self.core:  # short flags in one word with the value of the last
                return typed
            raise self._unknown(index, "option", flags, task)
        argument = flags[name]
        if name in _LISTS and (equals or following in self.tasks):
            raise Refused(f"{name} takes no value", hint=f"hubpress {name}")
        if equals and not argument.takes_value:
            raise Refused(f"{name} takes no value", hint=self._with(index, name))
        if argument.optional and equals and value not in self.tasks:
            raise Refused(f"unknown task: {value}", hint=f"hubpress help {nearest(value, self.tasks) or ''}".strip())
        if argument.takes_value and not argument.optional:
            value = value if equals else next(rest, (0, _REST))[1]
            if value in {"", *flags, _REST}:
                raise Refused(f"{name} needs a value", hint=self._with(index, f"{name} {_value_of(argument)}"))
            equals = "="
        return f"{name}{equals}{value}"

    def _letters(self, word: str) -> list[str]:
        """Return the short flags that are in one word, where the last alone may take a value; else the word."""
        if not _SEVERAL.fullmatch(word):
            return [word]
        letters = [f"-{letter}" for letter in word[1:]]
        flags = {**self.core, **{name: flag for task in self.tasks.values() for name, flag in _flags(task).items()}}
        names = [_SPELLINGS.get(letter, letter) for letter in letters]
        are_flags = {*names} <= {*flags} and not any(flags[name].takes_value for name in names[:-1])
        return letters if are_flags else [word]

    def _twice(self, index: int, flag: str, given: str, value: str) -> Refused:
        if flag == "--to":
            return Refused(f"more than one version: {given} and {value}", hint=f"leave out {value}")
        return Refused(f"{flag} is given twice", hint=self._without(index, 1 if "=" in self.words[index] else 2))

    def _unknown(self, index: int, kind: str, known: Mapping[str, object], task: ParserContext | None) -> Refused:
        word, equals, value = self.words[index].partition("=")
        # Of Invoke's own flags, those that matter here.
        named = [name for name in known if name not in self.core or any(name in option[0] for option in OPTIONS)]
        spellings = {name: name for name in named} | {one: of for one, of in _SPELLINGS.items() if of in named}
        spellings = {name.lstrip("-"): meant for name, meant in spellings.items() if name[2:]}
        spellings |= _SYNONYMS if kind == "task" and task is None else {}
        # One letter is near every other.
        near = nearest(word.lstrip("-"), spellings) if word[2:] else None
        what = f"unknown option: {word}" if kind == "option" else f"unknown task: {word}"
        later = next((one for one in self.words[index + 1 :] if one in self.tasks), None)
        if kind == "option" and task is None and later and {word, _SPELLINGS.get(word)} & {*_flags(self.tasks[later])}:
            takes_value = _flags(self.tasks[later])[_SPELLINGS.get(word, word)].takes_value
            end = index + (2 if takes_value and not equals else 1)
            at = self.words.index(later, index + 1) + 1
            moved = (*self.words[:index], *self.words[end:at], *self.words[index:end], *self.words[at:])
            return Refused(f"{word} is an option of {later}", hint=shlex.join(("hubpress", *moved)))
        if near is None:
            return Refused(what, hint=f"hubpress help{f' {task.name}' if task else ''}")
        meant = spellings[near]
        argument = known.get(meant)
        is_last = index + 1 == len(self.words)
        if isinstance(argument, Argument) and argument.takes_value and is_last and not equals:
            meant = f"{meant} {_value_of(argument)}"
        return Refused(what, hint=f"did you mean: {self._with(index, f'{meant}{equals}{value}')}")

    def _without(self, index: int, count: int) -> str:
        return shlex.join(("hubpress", *self.words[:index], *self.words[index + count :]))

    def _with(self, index: int, said: str) -> str:
        """Return the command line with ``said`` in place of one word, unless that is there already."""
        words = [shlex.quote(word) for word in self.words]
        # An empty word was meant as the value.
        rest = words[index + 2 :] if self.words[index + 1 : index + 2] == [""] else words[index + 1 :]
        others = (*words[:index], *([] if said in words else [said]), *rest)
        return " ".join(("hubpress", *others))


def _flags(context: ParserContext) -> dict[str, Argument]:
    named = {name: context.flags[flag] for flag in context.flags for name in context.names_for(flag)}
    return {**named, **{inverse: named[flag] for inverse, flag in context.inverse_flags.items()}}


@contextlib.contextmanager
def _understood(*, json: bool) -> Iterator[None]:
    with exits(json=json):
        try:
            yield
        except (ParseError, ValueError) as err:
            raise Refused(f"the command line is not understood: {err}", hint="hubpress help") from None


def _overview(collection: Collection) -> str:
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


def _of_task(name: str, documentation: str, context: ParserContext) -> str:
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
            *_option_lines(name, context.args),
            "",
            _EXAMPLES,
            *(f"  hubpress {line.strip()}" for line in examples.splitlines()),
        )
    )


def _value_of(argument: Argument) -> str:
    return argument.placeholder if isinstance(argument, Flag) else "VALUE"


def _option_lines(task: str, arguments: Mapping[str, Argument]) -> Iterator[str]:
    flags = {_flag(argument): argument.help or "" for argument in arguments.values()}
    if task not in _LOOKS:
        flags["-R, --dry"] = OPTIONS[0][1]
    width = max(map(len, flags))
    columns = min(shutil.get_terminal_size().columns, _WIDEST) - width - 5
    for flag, text in flags.items():
        lines = textwrap.wrap(text, max(columns, _NARROWEST))
        yield f"  {flag.ljust(width)}  {lines[0]}"
        yield from (f"  {' ' * width}  {line}" for line in lines[1:])


def _flag(argument: Argument) -> str:
    flag = f"--{argument.names[0].replace('_', '-')}"
    if argument.names[0] == "yes":
        return f"-y, {flag}"
    return f"{flag} {_value_of(argument)}" if argument.takes_value else flag


take_variables()
program = HubPress(version=__version__, namespace=ns, name="hubpress", binary="hubpress", binary_names=["hubpress"])
