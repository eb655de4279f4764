"""The version on a line: what marks it, and where in the line it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ..core.faults import Unusable
from ..core.yaml_tree import Text
from ..releases.versions import parse_constraint
from .chart import same_address

# A version in other text, `jupyterhub-3.2.1`, `--version v3.2.1`; a part of one where there is no whole one.
_WHOLE = re.compile(r"(?<![0-9A-Za-z.])v?[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?![.\w-]*[0-9])")
_PART = re.compile(r"(?<![0-9A-Za-z.])v?[0-9]+\.[0-9]+(?![.\w-]*[0-9])")
_COMMENT = re.compile(r"(?:^|(?<=\s))(?:#|//|--|;|<!--)(?:\s.*|$)")
_MARK = re.compile(r"(?:^|(?<=\s))(?:#|//|--|;|<!--|/\*)\s*(?P<whose>hubpress|renovate):\s*(?P<words>.*)")
_OPENING = ("{", "[", "(", "=", ":", "\\")
_RENOVATE = re.compile(r"(\w+)=(\S+)")


class Marker(NamedTuple):
    """What marks a version's line: a comment of ours or Renovate's for a chart, or a text of the settings."""

    chart: str
    repository: str
    text: str | None = None

    def span_in(self, line: str) -> tuple[int, int] | None:
        """Return where the mark stands in ``line``, a comment to its end; None where there is none."""
        if self.text is not None:
            start = line.find(self.text)
            return None if start < 0 else (start, start + len(self.text))
        found = _MARK.search(line)
        if found is None:
            return None
        words = found["words"].strip()
        # Behind the name may be a remark, or the comment's end.
        is_ours = re.fullmatch(rf"{re.escape(self.chart)}(?:\s*(?:-->|\*/|[,;:(#]).*)?", words)
        is_meant = is_ours if found["whose"] == "hubpress" else self._is_same_chart(words)
        return (found.start(), len(line)) if is_meant else None

    def _is_same_chart(self, comment: str) -> bool:
        said = dict(_RENOVATE.findall(comment))
        name = said.get("packageName", said.get("depName"))
        address = said.get("registryUrl", self.repository)
        return said.get("datasource") == "helm" and name == self.chart and same_address(address, self.repository)


def marks_in(text: Text, marker: Marker) -> Iterator[int]:
    """Yield the lines, counted from 0, that carry the marker; in Markdown a comment is HTML's, the rest is shown."""
    is_shown = text.where.endswith(".md") and marker.text is None
    for number, line in enumerate(text.content.split("\n")):
        if marker.span_in(line) and not (is_shown and "<!--" not in line):
            yield number


def version_in(text: str, where: str) -> tuple[int, int]:
    """Return where the one version in ``text`` stands: all of it where it is a requirement as Helm reads them.

    Raises:
        Unusable: there is none, or several.
    """
    if parse_constraint(text) is not None:
        return 0, len(text)
    found = list(_WHOLE.finditer(text)) or list(_PART.finditer(text))
    if len(found) != 1:
        raise Unusable(
            f"there are {len(found)} versions in {text.strip()!r}, not one" if found else "there is no version here",
            where=where,
            hint="put the version on a line of its own, with the marker on that line or the line above",
        )
    return found[0].span()


def marked_version(text: Text, marker: Marker, number: int) -> tuple[int, int]:
    """Return where the version stands that the mark with this number marks: on its line, or the next one.

    A line that only opens what follows (``variable "z2jh" {``) does not count.

    Raises:
        Unusable: there is no such mark, or no single version.
    """
    lines = text.content.split("\n")
    marks = list(marks_in(text, marker))
    if len(marks) <= number:
        raise Unusable(f"nothing marks the version of {marker.chart}", where=text.where, hint="git diff")
    at = marks[number]
    first, last = marker.span_in(lines[at]) or (0, 0)
    code = _COMMENT.sub("", lines[at][:first] + " " * (last - first) + lines[at][last:])
    is_next = True
    while is_next and not _WHOLE.search(code) and not _PART.search(code) and at + 1 < len(lines):
        at += 1
        code = _COMMENT.sub("", lines[at])
        is_next = code.rstrip().endswith(_OPENING)
    offset = sum(len(line) + 1 for line in lines[:at])
    start, end = version_in(code, f"{text.where}:{at + 1}")
    return offset + start, offset + end
