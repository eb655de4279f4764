"""Kubernetes objects as ``helm template`` writes them, compared one by one.

Left out is what a release changes by its mere version: checksums, and labels and annotations that carry the chart's
version; and the data of Secrets, which a rendering makes anew each time.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ..core.faults import Unusable
from ..core.visible import MASK, names_secret, one_line

_BETWEEN = re.compile(r"\n---[^\n]*")
# Most of a rendering is equal in all deployments but for these: taken out first, so that it is read once.
_CHECKSUM = re.compile(r"\n *(?:['\"]?checksum[/_][\w.-]+['\"]?: |# \"[0-9a-f]{64}\" ).*")
# https://helm.sh/docs/chart_best_practices/labels/, and the older name of the first.
_VERSION_LABELS = r"helm\.sh/chart|app\.kubernetes\.io/version|chart"
# A Secret's data, of which the values alone are large.
_ENCODED = re.compile(r"(?<=: )([\"']?)[A-Za-z0-9+/=]{16,}\1$", re.MULTILINE)
_SECRET = "Secret"  # noqa: S105 - the kind of an object
# A name that says that what follows on its line is secret.
_GIVEN = re.compile(r"""(?P<name>[\w.-]+)["']?\s*[:=]\s*(?=\S)""")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LONGEST_VALUE = 160
_MOST_LEAVES = 50_000

# What an object holds: each scalar by the way to it.
Leaves = Mapping[tuple[str, ...], str]


class Change(NamedTuple):
    """One value of an object that a release changes; None where there is none on that side."""

    path: tuple[str, ...]
    before: str | None
    after: str | None

    def lines(self) -> Iterator[str]:
        """Yield the change for people, with what looks secret masked."""
        yield ".".join(self.path).replace(".[", "[")
        before, after = (_masked(self.path, text) for text in (self.before, self.after))
        if before is not None and after is not None and ("\n" in before or "\n" in after):
            changed = difflib.unified_diff(_lines(before) or [], _lines(after) or [], n=0, lineterm="")
            yield from (f"  {line}" for line in changed if not line.startswith(("---", "+++", "@@")))
            return
        for sign, text in (("-", before), ("+", after)):
            if text is not None:
                shown = one_line(text)
                yield f"  {sign} {shown if len(shown) <= _LONGEST_VALUE else f'{shown[:_LONGEST_VALUE]}…'}"


class Difference(NamedTuple):
    """What differs between two renderings, by ``KIND/NAME``."""

    added: tuple[str, ...] = ()
    changed: Mapping[str, tuple[Change, ...]] = {}
    removed: tuple[str, ...] = ()

    def told(self) -> Iterator[tuple[str, list[str]]]:
        """Yield objects that are added or removed, then those that change, with its lines: the same change once."""
        yield from ((f"+ {name}", []) for name in self.added)
        yield from ((f"- {name}", []) for name in self.removed)
        objects: dict[Change, list[str]] = {}
        for name, changes in self.changed.items():
            for change in changes:
                objects.setdefault(change, []).append(name)
        groups: dict[str, list[str]] = {}
        for change, names in objects.items():
            groups.setdefault(", ".join(names), []).extend(change.lines())
        yield from groups.items()


def compare(before: str, after: str, old: str, new: str, hide: Callable[[str], str] = str) -> Difference:
    """Compare two outputs of ``helm template``, of the chart's versions ``old`` and ``new``.

    ``hide`` returns a value of theirs as it may be shown.
    """
    # Most objects are written alike; those are not read.
    was, now = _documents(before, old), _documents(after, new)
    had = dict(pair for text in was if text not in now for pair in _objects(text))
    have = dict(pair for text in now if text not in was for pair in _objects(text))
    changed = {name: tuple(_changes(had[name], have[name], hide)) for name in sorted(had.keys() & have.keys())}
    return Difference(
        added=tuple(sorted(have.keys() - had.keys())),
        changed={name: changes for name, changes in changed.items() if changes},
        removed=tuple(sorted(had.keys() - have.keys())),
    )


def looks_secret(name: str) -> bool:
    """Whether a key's name, in camel case too, says that its value is secret."""
    return names_secret(_CAMEL.sub("_", name.strip("[]")).replace("-", "_").replace(".", "_"))


def _documents(rendered: str, version: str) -> dict[str, None]:
    texts = (_without_noise(text, version) for text in _BETWEEN.split(f"\n{rendered}"))
    return {text: None for text in texts if text}


@lru_cache(maxsize=1024)
def _without_noise(text: str, version: str) -> str:
    versions = "|".join(map(re.escape, (version, version.replace("+", "_"))))
    labels = re.compile(rf"\n *(?:{_VERSION_LABELS}): [\"']?[\w.-]*(?:{versions})[\"']?(?=\n)")
    found = labels.sub("", _CHECKSUM.sub("", text)).strip()
    return _ENCODED.sub(f'"{MASK}"', found) if f"kind: {_SECRET}" in found else found


@lru_cache(maxsize=1024)
def _objects(text: str) -> tuple[tuple[str, Leaves], ...]:
    yaml = YAML(typ="safe", pure=True)
    yaml.allow_duplicate_keys = True
    try:
        found = yaml.load(text)
    except (YAMLError, ValueError) as error:
        raise Unusable("what helm wrote is not YAML", where="helm template", hint="helm lint the chart") from error
    items = found.get("items") if isinstance(found, dict) and found.get("kind") == "List" else [found]
    return tuple(_named(item) for item in items or [] if isinstance(item, dict))


def _named(item: dict[str, Any]) -> tuple[str, Leaves]:
    metadata = item.get("metadata")
    kind, name = item.get("kind"), metadata.get("name") if isinstance(metadata, dict) else None
    leaves: dict[tuple[str, ...], str] = {}
    for path, text in _leaves(item, ()):
        if len(leaves) >= _MOST_LEAVES:
            raise Unusable("an object has too many values", where=f"{kind}/{name}", hint="helm lint the chart")
        leaves[path] = MASK if kind == _SECRET and path[0] in {"data", "stringData"} else text
    return f"{kind}/{name}", leaves


def _leaves(node: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every scalar with the way to it; a list whose items have no names of their own is one text."""
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from _leaves(value, (*path, str(key)))
    elif isinstance(node, list) and node:
        names = [item.get("name") if isinstance(item, dict) else None for item in node]
        if None in names or len({str(name) for name in names}) < len(names):
            yield path, "\n".join(map(_in_one_line, node))
            return
        for name, value in zip(names, node, strict=True):
            yield from _leaves(value, (*path, f"[{name}]"))
    else:
        yield path, _in_one_line(node)


def _in_one_line(node: object) -> str:
    if isinstance(node, str) or not isinstance(node, (str, dict, list, bool, int, float, type(None))):
        return str(node)
    return json.dumps(_hidden(node), ensure_ascii=False, default=str)


def _hidden(node: object) -> object:
    if isinstance(node, list):
        return [_hidden(item) for item in node]
    if isinstance(node, dict):
        named = looks_secret(str(node.get("name", "")))
        is_secret = {key: looks_secret(str(key)) or (named and key == "value") for key in node}
        return {str(key): MASK if is_secret[key] else _hidden(value) for key, value in node.items()}
    return node


def _changes(before: Leaves, after: Leaves, hide: Callable[[str], str]) -> Iterator[Change]:
    for path in dict.fromkeys((*before, *after)):
        old, new = before.get(path), after.get(path)
        if old != new and _lines(old) != _lines(new):
            yield Change(path, old and hide(old), new and hide(new))


def _lines(text: str | None) -> list[str] | None:
    return None if text is None else [line.rstrip() for line in text.splitlines() if line.strip()]


def _masked(path: tuple[str, ...], text: str | None) -> str | None:
    """Return a value, masked where the way to it looks secret, and each line behind the first name that does."""
    if text is None or any(map(looks_secret, path)):
        return text and MASK
    lines = text.split("\n")
    for at, line in enumerate(lines):
        end = next((one.end() for one in _GIVEN.finditer(line) if looks_secret(one["name"])), None)
        lines[at] = line if end is None else f"{line[:end]}{MASK}"
    return "\n".join(lines)
