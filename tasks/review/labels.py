"""The labels of a pull request: the setting's, and those that actions/labeler will give, by its file.

Its formats are those of the versions up to 4 (https://github.com/actions/labeler/tree/v4) and since 5
(https://github.com/actions/labeler/tree/v5#match-object).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from wcmatch import glob

from ..core.faults import Unusable
from ..core.yaml_tree import Data, load
from ..repo.files import Files
from ..repo.hub import Hub
from ..repo.remotes import Review, base_here

# The action's own default, and the other ending of YAML files.
_LABELER_FILES = (".github/labeler.yml", ".github/labeler.yaml")
_GLOBS = glob.GLOBSTAR | glob.BRACE | glob.EXTGLOB | glob.DOTGLOB | glob.FORCEUNIX
_GROUPS = {"any": any, "all": all}
# What globs under any and all mean up to version 4, in the words of version 5.
_VERSION_4 = {"any": "all-globs-to-any-file", "all": "all-globs-to-all-files"}
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
        raise Unusable(
            f"it is not a file of actions/labeler: {getattr(err, 'told', err)}", where=path, hint=f"fix {path}"
        ) from err


def _applies(given: Data, request: PullRequestPaths) -> bool:
    """Whether one of several globs, or lists of them, matches; since version 5, whether all groups of conditions hold.

    Conditions outside of a group are one whose name is ``any``.
    """
    rules = [{"any": rule} if isinstance(rule, str) else _mapping(rule) for rule in _items(given) if rule]
    listed = [one for rule in rules for key in _GROUPS for one in _items(rule.get(key, []))]
    if any(isinstance(one, str) for one in listed):
        return any(all(_holds(_VERSION_4[key], rule[key], request.files) for key in rule) for rule in rules)
    groups: list[bool] = []
    outside: list[bool] = []
    for key, value in (entry for rule in rules for entry in rule.items()):
        if key in _GROUPS:
            groups.append(_GROUPS[key](_conditions([*_items(value)], request)))
        else:
            outside += _conditions([{key: value}], request)
    return all(groups) and any(outside or groups)


def _conditions(configs: Sequence[Data], request: PullRequestPaths) -> Iterator[bool]:
    """Yield whether each condition holds: every list of globs, every expression for a branch."""
    for key, value in (entry for config in configs for entry in _mapping(config).items()):
        if key == "changed-files":
            for name, globs in (entry for one in _items(value) for entry in _mapping(one).items()):
                yield _holds(name, globs, request.files)
        else:
            branch = {"base-branch": request.base, "head-branch": request.head}[key]
            yield from (re.search(pattern, branch) is not None for pattern in _texts(value))


def _holds(option: str, globs: Data, files: Sequence[str]) -> bool:
    """Whether what an option like ``any-glob-to-all-files`` says holds."""
    kind, _, which = option.partition("-to-")
    patterns, over = _texts(globs), {"any-file": any, "all-files": all}[which]
    if {"any-glob": True, "all-globs": False}[kind]:
        return any(over(_matches(file, one) for file in files) for one in patterns)
    return over(all(_matches(file, one) for one in patterns) for file in files)


def _matches(file: str, pattern: str) -> bool:
    """Whether ``file`` matches a glob as the library minimatch reads it; each ``!`` before it negates it once more."""
    wanted = pattern.lstrip("!")
    is_match = not wanted.startswith("#") and glob.globmatch(file, wanted.removeprefix("./"), flags=_GLOBS)
    return is_match != bool((len(pattern) - len(wanted)) % 2)


def _mapping(value: Data) -> dict[str, Data]:
    if isinstance(value, dict):
        return {str(key): one for key, one in value.items()}
    raise TypeError(f"{value!r} is not a mapping")


def _items(value: Data) -> list[Data]:
    return value if isinstance(value, list) else [value]


def _texts(value: Data) -> Sequence[str]:
    texts = [one for one in _items(value) if isinstance(one, str)]
    if len(texts) < len(_items(value)):
        raise TypeError("a glob is not text")
    return texts
