"""The labels of a pull request: the setting's, and those that actions/labeler will give, by its file.

Its formats are those of the versions up to 4 (https://github.com/actions/labeler/tree/v4) and since 5
(https://github.com/actions/labeler/tree/v5#match-object).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from wcmatch import glob

from ..core.faults import Unusable
from ..core.yaml_tree import Data, load
from ..repo.files import Files
from ..repo.hub import Hub
from ..repo.remotes import Review, base_here

# The action's own default, and the other ending of YAML files.
_LABELER_FILES = (".github/labeler.yml", ".github/labeler.yaml")
_GLOBS = glob.GLOBSTAR | glob.BRACE | glob.EXTGLOB | glob.FORCEUNIX
_ANY, _ALL, _FILES, _BASE, _HEAD = "any", "all", "changed-files", "base-branch", "head-branch"
_LIMIT = "changed-files-labels-limit"  # an option, not a label


class PullRequestPaths(NamedTuple):
    """What the labeler looks at: the changed files, and the branches that the pull request goes from and to."""

    files: tuple[str, ...]
    head: str
    base: str


def expected_labels(hub: Hub, review: Review) -> tuple[str, ...]:
    """Return the labels that a pull request of the hub's branch gets: the setting's, then the labeler's."""
    base = base_here(hub.git, review)
    committed = hub.git.names("diff", "--name-only", "-z", f"{base}...HEAD", "--") if base else ()
    files = tuple(dict.fromkeys((*committed, *hub.pending, *hub.changed)))
    labelers = labels_of(hub.committed, PullRequestPaths(files, hub.branch or "", review.base))
    return tuple(dict.fromkeys((*hub.settings.labels, *labelers)))


def labels_of(files: Files, request: PullRequestPaths) -> tuple[str, ...]:
    """Return the labels that the labeler gives ``request``, in the file's order; none where there is no such file."""
    found = ((path, files.read(path)) for path in _LABELER_FILES)
    path, data = next(((path, data) for path, data in found if data is not None), ("", b""))
    try:
        content = load(data.decode())
        entries = content.items() if isinstance(content, dict) else ()
        return tuple(label for label, rules in entries if label and label != _LIMIT and _applies(rules, request))
    except Exception as err:  # the libraries for YAML, globs and expressions raise their own
        raise Unusable(f"it is not a file of actions/labeler: {err}", where=path, hint=f"fix {path}") from err


def _applies(rules: Data, request: PullRequestPaths) -> bool:
    if isinstance(rules, str):
        rules = [rules]
    if not isinstance(rules, list):
        raise TypeError("a label needs a list of rules")
    # Up to version 4 a rule is a glob, or lists globs under any or all; since version 5 those list mappings.
    lists = [rule.get(key) or () if isinstance(rule, dict) else [rule] for rule in rules for key in (_ANY, _ALL)]
    if any(isinstance(one, str) for items in lists for one in items):
        return any(_version_4(rule, request.files) for rule in rules)
    return _version_5([rule for rule in rules if rule], request)


def _version_4(rule: Data, files: Sequence[str]) -> bool:
    """Whether all globs of ``all`` match every file, and all of ``any`` the same file; a glob stands for ``any``."""
    given = _mapping({_ANY: rule} if isinstance(rule, str) else rule)
    wanted = {_ANY: "all-globs-to-any-file", _ALL: "all-globs-to-all-files"}
    return all(_holds(name, given[key], files, _GLOBS) for key, name in wanted.items() if key in given)


def _version_5(rules: Sequence[Data], request: PullRequestPaths) -> bool:
    """Whether every ``any`` and ``all`` holds; conditions outside of them belong to the first ``any``."""
    groups: list[tuple[Callable[[Iterable[bool]], bool], list[bool]]] = []
    for key, value in (entry for rule in rules for entry in _mapping(rule).items()):
        if key in (_ANY, _ALL):
            conditions = [found for config in _items(value) for found in _conditions(config, request)]
            groups.append((any if key == _ANY else all, conditions))
        elif key in (_FILES, _BASE, _HEAD):
            if not any(holds is any for holds, _ in groups):
                groups.append((any, []))
            first = next(conditions for holds, conditions in groups if holds is any)
            first.extend(_conditions({key: value}, request))
    return bool(groups) and all(conditions and holds(conditions) for holds, conditions in groups)


def _conditions(config: Data, request: PullRequestPaths) -> Iterator[bool]:
    """Yield whether each condition of a match object holds: every list of globs, every expression for a branch."""
    for key, value in _mapping(config).items():
        if key == _FILES:
            for name, globs in (entry for one in _items(value) for entry in _mapping(one).items()):
                yield _holds(name or "", globs, request.files, _GLOBS | glob.DOTGLOB)
        elif key in (_BASE, _HEAD):
            branch = request.base if key == _BASE else request.head
            yield from (re.search(pattern, branch) is not None for pattern in _texts(value))


def _holds(option: str, globs: Data, files: Sequence[str], flags: int) -> bool:
    """Whether what an option like ``any-glob-to-all-files`` says holds."""
    kind, _, which = option.partition("-to-")
    if kind not in {"any-glob", "all-globs"} or which not in {"any-file", "all-files"}:
        raise ValueError(f"{_FILES} has no option {option}")
    patterns, over = _texts(globs), any if which == "any-file" else all
    if kind == "any-glob":
        return any(over(_matches(file, one, flags) for file in files) for one in patterns)
    return over(all(_matches(file, one, flags) for one in patterns) for file in files)


def _matches(file: str, pattern: str, flags: int) -> bool:
    """Whether ``file`` matches a glob as the library minimatch reads it; each ``!`` before it negates it once more.

    Since version 5 stars also match a dot at the start of a name.
    """
    wanted = pattern.lstrip("!")
    is_match = not wanted.startswith("#") and glob.globmatch(file, wanted.removeprefix("./"), flags=flags)
    return is_match != bool((len(pattern) - len(wanted)) % 2)


def _mapping(value: Data) -> dict[str | None, Data]:
    if isinstance(value, dict):
        return value
    raise TypeError(f"{value!r} is not a mapping")


def _items(value: Data) -> list[Data]:
    return value if isinstance(value, list) else [value]


def _texts(value: Data) -> list[str]:
    texts = [one for one in _items(value) if isinstance(one, str)]
    if len(texts) == len(_items(value)):
        return texts
    raise TypeError("a glob is not text")
