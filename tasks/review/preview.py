"""What a release changes in the cluster: the chart rendered with each deployment's values, before and after."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any, NamedTuple, TypeAlias

from ..core import output
from ..core.faults import CLI, Fault, Refused, Unusable
from ..core.options import BumpOptions
from ..core.output import first_of
from ..core.problems import Code, Problem, Severity
from ..core.safe_files import temporary_folder
from ..core.settings import Accepted
from ..core.visible import code, fenced, plain, visible
from ..image.tree import Tree
from ..repo.deployments import Deployment, deployments, has_deployments
from ..repo.files import Committed
from ..repo.hub import Hub
from ..repo.remotes import Review, base_here
from ..tools.process import require_installed
from .branches import expected_start
from .bump import changes_between, plan_bump
from .rendering import Difference, Rendering, compare, paths_of, render_charts

# Placeholders for the names of releases and namespaces, so that deployments with the same changes are grouped.
_RELEASE, _NAMESPACE = "RELEASE-NAME", "RELEASE-NAMESPACE"
# How many names a plan and a pull request show, and how many characters of differences.
_MOST_NAMES = 6
_LONGEST_DIFFERENCES = 20_000
_RESTARTS = "the hub image changes too, and the hub restarts"


class Outcome(NamedTuple):
    """What a release changes in a deployment; if nothing was compared, ``problems`` or ``unrendered`` is the reason."""

    deployment: Deployment
    difference: Difference = Difference()
    problems: tuple[Problem, ...] = ()
    unrendered: str = ""


class Preview(NamedTuple):
    """What a release changes in each deployment, compared with the branch ``base``.

    Attributes:
        unread: the encrypted values files.
        uncommitted: the changed or missing files of charts and values that a release does not commit.
        restarts: whether the hub image changes, which the differences leave out.
    """

    before: str
    after: str
    base: str
    outcomes: tuple[Outcome, ...]
    unread: tuple[str, ...]
    uncommitted: tuple[str, ...] = ()
    restarts: bool = False

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All problems, without duplicates."""
        return tuple(dict.fromkeys(problem for one in self.outcomes for problem in one.problems))

    def report(self) -> dict[str, Any]:
        """Return the preview as a JSON object."""
        return {
            "deployments": [
                {
                    "name": one.deployment.name,
                    "values": list(one.deployment.values),
                    "objects": None if one.unrendered else _objects(one),
                    "problems": [
                        {key: problem.report()[key] or 0 for key in ("path", "line", "message")}
                        for problem in one.problems
                    ],
                }
                for one in self.outcomes
            ]
        }

    def lines(self) -> Iterator[str]:
        """Yield the whole preview for people; deployments with the same outcome are grouped."""
        yield f"{self.before} -> {self.after}, compared with {self.base}"
        for names, one in self._groups():
            yield from ("", f"{', '.join(names)}: {_what(one)}", *(f"  {problem.text}" for problem in one.problems))
            if one.unrendered:
                yield f"  not compared, {one.unrendered}"
            for head, lines in one.difference.sections():
                yield from (f"  {head}", *(f"    {line}" for line in lines))
        yield from (f"\n{line}" for line in self._remarks())
        if self.unread:
            yield f"\nnot read, since encrypted: {', '.join(self.unread)}"

    def _remarks(self) -> Iterator[str]:
        if self.restarts:
            yield _RESTARTS
        if self.uncommitted:
            yield f"not committed, so not in this preview: {first_of(self.uncommitted, _MOST_NAMES)}"

    def warnings(self) -> Iterator[str]:
        """Yield the preview's lines in a plan."""
        yield from self._remarks()
        yield from (f"in the cluster, {first_of(names, _MOST_NAMES)}: {_what(one)}" for names, one in self._groups())
        for problem in self.problems:
            yield f"{self.after} refuses {problem.text}" if problem.code is Code.INVALID else problem.text
        yield f"the differences: {CLI} preview --to {self.after}"

    def markdown(self) -> Iterator[str]:
        """Yield the preview's lines in a pull request; the differences are folded, and cut if they are long."""
        restarts = f" {_RESTARTS.capitalize()}." if self.restarts else ""
        yield f"Rendered by helm with the values of each deployment, compared with {code(self.base)}.{restarts}"
        yield ""
        for names, one in self._groups():
            yield f"- {plain(first_of(names, _MOST_NAMES))}: {_what(one)}"
            yield from (f"  - {code(problem.path)} {plain(problem.message)}" for problem in one.problems)
            if one.unrendered:
                yield f"  - not compared, {plain(one.unrendered)}"
        if self.unread:
            yield f"- not read, since encrypted: {', '.join(map(code, self.unread))}"
        yield ""
        differences = [visible(line) for names, one in self._groups() for line in _diff(names, one)]
        sizes = accumulate(len(line) + 1 for line in differences)
        kept = [line for line, size in zip(differences, sizes, strict=True) if size <= _LONGEST_DIFFERENCES]
        if len(kept) < len(differences):
            rest = len(differences) - len(kept)
            kept.append(f"# and {rest} more lines: hubpress preview --to {self.after}")
        if kept:
            yield from ("<details><summary>The differences</summary>", "", *fenced("diff", kept))
            yield from ("", "</details>", "")

    def refusal(self, accept: Sequence[Accepted]) -> Fault | None:
        """Return the refusal for the first problem that is not accepted, or None."""
        for problem in self.problems:
            if problem.judged(accept).severity is not Severity.ACCEPTED:
                is_invalid = problem.code is Code.INVALID
                what = f"{self.after} refuses the values: {problem.message}" if is_invalid else problem.message
                return Refused(what, where=problem.path, hint=f"{problem.hint}; {problem.code.how_to_accept}")
        return None

    def _groups(self) -> list[tuple[list[str], Outcome]]:
        """Return the outcomes that differ, each with the names of its deployments."""
        found: list[tuple[list[str], Outcome]] = []
        for one in self.outcomes:
            names = next((names for names, same in found if same[1:] == one[1:]), None)
            if names is None:
                found.append((names := [], one))
            names.append(one.deployment.name)
        return found


# The preview of a plan, or why there is none; None if nothing moves.
Outlook: TypeAlias = "Preview | Fault | None"


def plan_preview(hub: Hub, options: BumpOptions, names: Sequence[str], kubernetes: str | None) -> Preview:
    """Return what a release changes in the deployments ``names``, or in all, compared with the base branch."""
    start = expected_start(hub)
    for remark in start.step.warnings():
        output.say(lead=remark)
    with output.waiting("rendering the chart"):
        wanted = deployments(start.hub, names)
        require_installed("helm")
        _, after = plan_bump(start.hub, options)
        return _compare_sides(after, start.review, wanted, kubernetes)


def preview_of(hub: Hub, review: Review) -> Outlook:
    """Return what the move of ``hub`` changes in the cluster, or why that is unknown; None if nothing moves."""
    if not hub.settings.preview or not has_deployments(hub):
        return None
    try:
        if before_branch(hub, review)[1].version == hub.version:
            return None
        require_installed("helm")
        return _compare_sides(hub, review, deployments(hub), hub.settings.kubernetes)
    except Fault as fault:
        return fault


def before_branch(hub: Hub, review: Review, tip: str = "HEAD") -> tuple[str, Hub]:
    """Return the commit where the branch with the tip ``tip`` left the base branch, and the repository there."""
    base = base_here(hub.git, review)
    # A shallow clone may lack the commit where they parted.
    commit = (hub.git.ask("merge-base", base, tip).text or base) if base else tip
    return commit, replace(hub, files=Committed(hub.git, commit))


def _compare_sides(after: Hub, review: Review, wanted: Sequence[Deployment], kubernetes: str | None) -> Preview:
    commit, before = before_branch(after, review)
    if before.helm_repository == after.helm_repository:
        before = replace(before, index=after.index)
    with temporary_folder() as folder:
        try:
            old = render_charts(folder / "before", before, Tree(before.git, commit), wanted, kubernetes)
        except Unusable as fault:
            old = [fault] * len(wanted)
        new = render_charts(folder / "after", after, Tree(after.git, "HEAD"), wanted, kubernetes)
    outcomes = [_outcome(before, after, review.base, *each) for each in zip(wanted, old, new, strict=True)]
    unread = dict.fromkeys(path for one in new if isinstance(one, Rendering) for path in one.encrypted)
    changed = (path for path in after.git.changed(paths_of(after, wanted)) if path not in after.managed)
    uncommitted = dict.fromkeys((*changed, *(path for one in wanted for path in one.absent)))
    moved = changes_between(before, after)
    restarts = bool(moved.bases or moved.images) and any(map(after.values_places, after.images))
    versions = before.version, after.version
    return Preview(*versions, review.base, tuple(outcomes), tuple(unread), tuple(uncommitted), restarts=restarts)


def _outcome(
    before: Hub, after: Hub, base: str, deployment: Deployment, old: Rendering | Fault, new: Rendering | Fault
) -> Outcome:
    if isinstance(new, Fault):
        return Outcome(deployment, unrendered=new.what)
    if new.absent:
        return Outcome(deployment, unrendered=f"{new.absent[0]} is not committed")
    if new.text is None:
        return Outcome(deployment, problems=new.problems)
    if isinstance(old, Fault):
        why = old.what
    elif deployment.values and len(old.absent) == len(deployment.values):
        why = "it has none of the values files"
    elif old.text is None:
        why = old.problems[0].message
    else:
        was, now = (_neutral(text, deployment) for text in (old.text, new.text))
        difference = compare(was, now, before.version, after.version, old.secrets | new.secrets)
        return Outcome(deployment, difference, new.problems)
    return Outcome(deployment, problems=new.problems, unrendered=f"{base} cannot be rendered: {why}")


def _neutral(rendered: str, deployment: Deployment) -> str:
    """Return a rendering with placeholders for the names of its release and namespace."""
    for name, neutral in ((deployment.release, _RELEASE), (deployment.namespace, _NAMESPACE)):
        # Not in a key or an image. The lookbehind comes last, so that the search is for literal text.
        found = rf"{re.escape(name)}(?<![\w./-]{re.escape(name)})(?![\w/]|:\s)"
        rendered = re.sub(found, neutral, rendered)
    return rendered


def _objects(one: Outcome) -> dict[str, list[str]]:
    """Return the names of the added, changed and removed objects."""
    release, namespace = one.deployment.release, one.deployment.namespace
    return {
        kind: [name.replace(_RELEASE, release).replace(_NAMESPACE, namespace) for name in names]
        for kind, names in one.difference._asdict().items()
    }


def _diff(names: Sequence[str], one: Outcome) -> Iterator[str]:
    sections = [*one.difference.sections()]
    if sections:
        yield f"# {', '.join(names)}"
    for head, lines in sections:
        yield from (f"@@ {head} @@" if lines else head, *(line.removeprefix("  ") for line in lines))


def _what(one: Outcome) -> str:
    if one.problems:
        is_invalid = one.problems[0].code is Code.INVALID
        return "the new chart refuses the values" if is_invalid else "the cluster's Kubernetes is too old"
    if one.unrendered:
        return "not compared"
    counts = ((len(getattr(one.difference, word)), word) for word in ("changed", "added", "removed"))
    return ", ".join(f"{number} {word}" for number, word in counts if number) or "no object changes"
