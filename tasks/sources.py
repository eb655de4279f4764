"""Where settings come from: Invoke's configuration, the hub repository's own file, the environment.

What they hold is checked in ``tasks/settings.py``.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.config import Config, DataProxy
from invoke.exceptions import UnknownFileType
from invoke.util import yaml

from .faults import Unusable
from .reading import read_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ruamel.yaml.events import ScalarEvent

SECTION = "hub"
FILE = "invoke.yaml"
PREFIX = "INVOKE_HUB_"
_STUMBLES = (OSError, ValueError, LookupError, AttributeError, TypeError, RecursionError)
_NUMBERS_BEGIN = frozenset("+-.0123456789")
_taken: dict[str, str] = {}


def take_variables() -> None:
    """Take the settings' variables out of the environment, before Invoke looks there.

    Invoke casts a variable to the type that the files give its key: any ``false`` becomes true, and a list stops it.
    """
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        _taken[name] = os.environ.pop(name)


def variables() -> dict[str, str]:
    """Return the settings' variables by their keys."""
    found = {**_taken, **{name: text for name, text in os.environ.items() if name.startswith(PREFIX)}}
    return {name.removeprefix(PREFIX).lower(): text for name, text in found.items()}


def variable(key: str) -> str:
    """Return the name of a key's variable."""
    return PREFIX + key.upper()


def section_of(content: object) -> dict[str, Any]:
    """Return the settings in what a file or Invoke's configuration holds; empty where it has none.

    Raises:
        Unusable: it holds something else.
    """
    plain = _plain(content)
    if plain is None:
        return {}
    if not isinstance(plain, dict):
        raise Unusable("the file is not a mapping", where=FILE, hint=f"write {SECTION}: {{}}")
    section = plain.get(SECTION)
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise Unusable(f"{SECTION} is not a mapping of settings", where=FILE, hint=f"write {SECTION}: {{}}")
    return section


def section_in(file: Path) -> dict[str, Any]:
    """Return the settings in an ``invoke.yaml``; empty where there is no such file or section.

    Raises:
        Unusable: it cannot be read, is no YAML, or holds something else.
    """
    try:
        data = read_file(file)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as err:
        raise _unreadable(file, err) from err
    # Only a repository with such a file pays for it.
    from .z2jh.document import Unreadable, load  # noqa: PLC0415

    try:
        return section_of(load(data.decode(), _typed))
    except Unreadable as err:
        raise Unusable(f"the file {err}", where=file.name, hint=f"mend {file}") from err
    except UnicodeDecodeError as err:
        raise _unreadable(file, err) from err


def require_readable(file: Path) -> None:
    """Check that Invoke can read the ``invoke.yaml`` that it is about to: it ends in a traceback where it cannot.

    Raises:
        Unusable: it cannot.
    """
    with contextlib.suppress(FileNotFoundError), read_by_invoke(file):
        config = Config(project_location=file.parent, lazy=True)
        config.load_project()
        config.load_shell_env()


@contextlib.contextmanager
def read_by_invoke(file: Path | None) -> Iterator[None]:
    """Let Invoke read ``file`` in the block, once it is known that it cannot hold us; None for its own files alone.

    Raises:
        FileNotFoundError: there is no such file.
        Unusable: it cannot be read; or Invoke, or its YAML library, stumbles over it: a list, a number for a key.
    """
    try:
        if file is not None:
            read_file(file)
        yield
    except FileNotFoundError:
        raise
    except (*_STUMBLES, UnknownFileType, yaml.YAMLError) as err:
        raise _unreadable(file or Path(FILE), err) from err


def _plain(value: object) -> object:
    """Return Invoke's own mappings as dicts, and every mapping's keys as text."""
    if isinstance(value, (DataProxy, dict)):
        keys: Iterable[Any] = value.keys()
        return {str(key): _plain(value[key]) for key in keys}
    return value


def _typed(event: ScalarEvent) -> object:
    """Return a plain scalar as the number or the yes or no that it is: Invoke reads the file so too."""
    text = str(event.value)
    if event.style is not None or event.tag is not None:
        return text
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if text[0] in _NUMBERS_BEGIN:
        for number in (int, float):
            with contextlib.suppress(ValueError):
                return number(text)
    return text


def _unreadable(file: Path, err: Exception) -> Unusable:
    return Unusable(f"the file {_reason(err)}", where=file.name, hint=f"mend {file}")


def _reason(err: Exception) -> str:
    if isinstance(err, OSError):
        return f"cannot be read: {err.strerror}"
    if isinstance(err, UnicodeDecodeError):
        return "is not UTF-8"
    if isinstance(err, yaml.MarkedYAMLError):
        line = f"line {err.problem_mark.line + 1}: " if err.problem_mark else ""
        return f"is not YAML: {line}{err.problem}"
    return "is not YAML" if isinstance(err, yaml.YAMLError) else "is not a mapping that Invoke can read"
