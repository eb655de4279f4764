"""The branches of a review: which one a commit goes to, and which ones are merged."""

from __future__ import annotations

from itertools import count
from typing import NamedTuple

from ..core.faults import DOOR, Refused, Unusable
from ..image.tag import render
from ..repo.hub import Hub
from ..repo.remotes import Review, base_here
from ..tools.forges import MERGED
from ..tools.git import Git
from ..tools.process import ask_all, capture

_BUMP, _REBUILD = "bump", "rebuild"
# How many commits of the base branch are compared with a branch that may have been squashed.
_MOST_COMMITS = 200


class TargetBranch(NamedTuple):
    """The branch that a commit goes to, and git's arguments that switch to it if need be.

    Its ``commit`` is None where the branch is yet to be made.
    """

    name: str
    why: str
    switch: tuple[str, ...] = ()
    commit: str | None = None


def target_branch(hub: Hub, review: Review, wanted: str | None) -> TargetBranch:
    """Return the branch that was named, else the current one, else, where that is shared, a feature branch."""
    shared, current = review.shared, hub.branch or ""
    name = wanted or current
    if wanted is None and current in shared:
        return _feature_branch(hub, review, f"{current} is {shared[current]}")
    if name == current:
        return TargetBranch(name, "it is the current branch")
    _require_name(hub.git, name)
    why = f"{current} is {shared[current]}" if current in shared else "of --branch"
    commit = hub.git.branch_commit(name)
    if commit is None:
        return TargetBranch(name, why, ("switch", "--create", name))
    if commit == hub.git.head():
        return TargetBranch(name, why, ("switch", name), commit)
    raise _has_other_commits(hub.git, name)


def is_done_with(git: Git, review: Review, branch: str, commit: str) -> bool:
    """Whether all of ``branch``, which ends with ``commit``, is in the base branch already.

    It was merged, or squashed into a commit with the same bytes of all files that it changes, or the forge says so.
    """
    base = base_here(git, review)
    if base and (git.contains(base, commit) or _is_squashed(git, base, commit)):
        return True
    requests = review.github.requests(branch) if review.github else ()
    return any(one.state == MERGED and one.commit == commit for one in requests if one.is_from(review.head(branch)))


def waits_for(hub: Hub, review: Review, branch: str, page: str | None) -> str:
    """Return what a release waits for that has nothing left to do here; empty where it is in the base branch.

    ``page`` is the open pull request's, where it is known.
    """
    git, commit = hub.git, hub.git.branch_commit(branch)
    if commit is None or branch in review.shared or is_done_with(git, review, branch, commit):
        return ""
    if page:
        return f"the review and the merge of {page}"
    if review.heads is not None and review.heads.get(branch) == commit:
        how = f"; to open a pull request: {DOOR} commit --pr" if review.github else ""
        return f"the review and the merge of {branch} into {review.base}{how}"
    return f"{branch} to be pushed, reviewed and merged into {review.base}: {DOOR} commit --pr"


def _feature_branch(hub: Hub, review: Review, why: str) -> TargetBranch:
    """Return a branch for what a release commits: a new one, one that can go on, else the next name that is free."""
    git, head = hub.git, str(hub.git.head())
    first = _name(hub)
    _require_name(git, first)
    for number in count(1):
        name = first if number == 1 else f"{first}-{number}"
        here, there = git.branch_commit(name), (review.heads or {}).get(name)
        left = [one for one in (here, there) if one and not git.contains(head, one)]
        wanted = [one for one in left if not is_done_with(git, review, name, one)]
        if here in wanted:
            raise _has_other_commits(git, name)
        # A branch that only the remote has is refused where it would be pushed to.
        if wanted or not left:
            flag = () if here == head else ("--force-create",) if here else ("--create",)
            told = f"; {first} is done with, {review.base} has what it changed" if number > 1 else ""
            return TargetBranch(name, f"{why}{told}", ("switch", *flag, name), here)
    raise AssertionError


def _name(hub: Hub) -> str:
    """Return the name of the feature branch: another one where the release stays and the image is built again."""
    template = hub.settings.branch
    if _committed_version(hub) == hub.version:
        template = template.replace(_BUMP, _REBUILD, 1) if _BUMP in template else f"{template}-{_REBUILD}"
    return render(template, {"version": hub.version}, "hub.branch")


def _committed_version(hub: Hub) -> str | None:
    try:
        return hub.as_committed().version
    except Unusable:
        return None


def _require_name(git: Git, name: str) -> None:
    if not git.is_branch_name(name):
        raise Unusable(f"{name!r} cannot be a branch's name", where="git check-ref-format", hint="use --branch NAME")


def _has_other_commits(git: Git, name: str) -> Refused:
    return Refused(
        f"the branch {name} exists already, with other commits",
        where=git.folder,
        hint=f"go on there: git switch {name}; or use another: --branch NAME",
    )


def _is_squashed(git: Git, base: str, commit: str) -> bool:
    """Whether a commit of ``base`` has the same bytes as ``commit`` of every file that was changed on the way to it."""
    fork = git.ask("merge-base", base, commit).text
    files = git.unlike(fork, commit) if fork else ()
    if not files:
        return False
    look = ("rev-list", "--first-parent", f"--max-count={_MOST_COMMITS}", f"{fork}..{base}", "--", *files)
    compare = ("--literal-pathspecs", "diff-tree", "--quiet", commit)
    commits = git.read("--literal-pathspecs", *look).split()
    return any(one.ok for one in ask_all(capture, [git.command(*compare, one, "--", *files) for one in commits]))


def was_merged(hub: Hub, seen: Git, review: Review, branch: str, head: str) -> bool:
    """Whether the current branch was used for an earlier release, and merged; one that was just cut was not."""
    if head in seen.read("rev-list", "--first-parent", str(review.tip)).split():
        version = _committed_version(hub)
        return version is not None and branch == render(hub.settings.branch, {"version": version}, "hub.branch")
    return is_done_with(seen, review, branch, head)
