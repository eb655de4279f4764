"""Findings of a check: problems, each a fault, a warning or accepted, and what could not be checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from .faults import Unusable, did_you_mean
from .output import first_of
from .settings import FILE, Accepted, is_accepted, place_of_setting
from .visible import one_line

# How many of several names a message lists.
MOST_NAMED = 3


class Severity(str, Enum):
    """The severity of a problem; a check fails only for faults."""

    FAULT = "fault"
    WARNING = "warning"
    ACCEPTED = "accepted"


class Code(str, Enum):
    """The kinds of problems; scripts rely on the values."""

    BASE = "base-not-of-release"
    BASES_DIFFER = "base-images-differ"
    REQUIREMENTS_DIFFER = "requirements-differ"
    RELEASE_UNKNOWN = "release-unknown"
    LOCK = "lock-differs"
    COPIES = "chart-copies-differ"
    PIN = "pin-differs"
    PIN_STAYS = "pin-stays"
    VALUES_EMPTY = "values-empty"
    VALUES_NAME = "values-name-differs"
    VALUES_DIFFER = "values-differ"
    TAG_STALE = "values-tag-stale"
    COMMIT_GONE = "values-commit-gone"
    NOT_IN_REGISTRY = "tag-not-in-registry"
    PLATFORM = "wrong-platform"
    WRONG_BASE = "wrong-base"
    DIGEST = "values-digest-differs"
    OVERRIDE = "image-override"
    OLD_PIN = "pin-older-than-base"
    INVALID = "values-invalid"
    NOT_YAML = "not-yaml"
    NO_EFFECT = "no-effect"
    CONTEXT_MISSING = "context-missing"
    KUBERNETES = "kubernetes-too-old"
    IMAGE_MISSING = "image-missing"
    SECURITY = "security-release"
    BASE_MOVED = "base-moved"
    UNSIGNED = "unsigned"
    WRONG_SIGNATURE = "wrong-signature"

    @property
    def how_to_accept(self) -> str:
        """How to accept problems of this kind in invoke.yaml."""
        return f"if this is intended, in {FILE}: hub: {{accept: [{self.value}]}}"


class Problem(NamedTuple):
    """An inconsistency at ``path`` or ``path:line``, and ``also`` at other places; accepted if all of them are."""

    code: Code
    path: str
    message: str
    hint: str
    severity: Severity = Severity.FAULT
    also: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The place and the message."""
        return f"{self.path}: {self.message}"

    def judged(self, accept: Sequence[Accepted]) -> Problem:
        """Return it as accepted, or at the first place that ``accept`` does not cover."""
        places = ((place, _file_and_line(place)[0]) for place in (self.path, *self.also))
        place = next((place for place, file in places if not is_accepted(accept, self.code, file)), None)
        return self._replace(path=place) if place else self._replace(severity=Severity.ACCEPTED)

    def report(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        path, line = _file_and_line(self.path)
        words = {"message": self.message, "hint": self.hint, "severity": self.severity.value}
        return {"code": self.code.value, "path": path, "line": line, **words}

    def __str__(self) -> str:
        kind = "" if self.severity is Severity.FAULT else f"{self.severity.value}: "
        line = f"{one_line(f'{self.path}: {kind}{self.message}')} [{self.code.value}]"
        return line if self.severity is Severity.ACCEPTED else f"{line}\n  hint: {one_line(self.hint)}"


class Unchecked(NamedTuple):
    """What could not be checked, and how to check it; those with the same ``fault`` are shown together."""

    what: str
    hint: str
    fault: str = ""

    @property
    def message(self) -> str:
        """What could not be checked, and why."""
        return f"{self.what}: {self.fault}" if self.fault else self.what

    def __str__(self) -> str:
        return f"not checked: {one_line(self.message)}\n  hint: {one_line(self.hint)}"


Finding: TypeAlias = Problem | Unchecked


class Findings(NamedTuple):
    """Everything that a check found, without duplicates."""

    problems: tuple[Problem, ...]
    unchecked: tuple[Unchecked, ...]

    @classmethod
    def of(cls, found: Iterable[Finding], accept: Sequence[Accepted]) -> Findings:
        """Return the findings, with the problems in ``accept`` marked as accepted; raise Unusable for unknown codes."""
        codes = [code.value for code in Code]
        for unknown in (entry.code for entry in accept if entry.code not in codes):
            hint = did_you_mean(unknown, codes, f"the codes are: {', '.join(codes)}")
            what = f"hub.accept names {unknown!r}, which is not a problem code"
            raise Unusable(what, where=place_of_setting("accept"), hint=hint)
        once = list(dict.fromkeys(found))
        return cls(
            tuple(one.judged(accept) for one in once if isinstance(one, Problem)),
            tuple(_together([one for one in once if isinstance(one, Unchecked)])),
        )

    @property
    def ok(self) -> bool:
        """Whether there are no faults."""
        return not self._count(Severity.FAULT)

    def report(self) -> dict[str, Any]:
        """Return the findings for the JSON report."""
        return {
            "problems": [one.report() for one in self.problems],
            "not_checked": [{"message": one.message, "hint": one.hint} for one in self.unchecked],
        }

    def text(self, consistent: str, way: str = "") -> str:
        """Return the findings for people; ``consistent`` is the verdict if all is in order, ``way`` precedes hints."""
        warnings, accepted = (self._count(one) for one in (Severity.WARNING, Severity.ACCEPTED))
        counts = [f"{warnings} warning{'s' if warnings > 1 else ''}"] if warnings else []
        counts += [f"{accepted} accepted"] if accepted else []
        verdict = f"{', '.join(['No faults', *counts])}."
        if not self.problems:
            verdict = "No problems in what was checked." if self.unchecked else consistent
        found: tuple[Finding, ...] = (*self.problems, *self.unchecked)
        lines = [str(one._replace(hint=f"{way}{one.hint}")) for one in found]
        return "\n".join((*lines, *([verdict] if self.ok else [])))

    def _count(self, severity: Severity) -> int:
        return sum(1 for one in self.problems if one.severity is severity)


def _file_and_line(place: str) -> tuple[str, int | None]:
    file, _, line = place.rpartition(":")
    return (file, int(line)) if line.isdigit() else (place, None)


def _together(found: Sequence[Unchecked]) -> Iterator[Unchecked]:
    """Yield what was not checked, with those of the same fault merged."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for one in found:
        alike.setdefault((one.fault, one.hint, "" if one.fault else one.what), []).append(one.what)
    for (fault, hint, _), names in alike.items():
        yield Unchecked(first_of(names, MOST_NAMED), hint, fault)
