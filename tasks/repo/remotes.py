"""Where branches are pushed, and where pull requests go: two repositories if a team works in forks.

Without settings, this is read from git's configuration, from CI and from the forge, once, while a run is planned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import NamedTuple

from ..core import output
from ..core.faults import Refused, Unreachable, nearest
from ..core.settings import Settings, how_to_correct
from ..tools import forges
from ..tools.forges import GitHub, Repository, read_ci, read_remote
from ..tools.git import Git, RemoteBranches
from ..tools.process import Pool, result_of

ORIGIN, UPSTREAM, FORK = "origin", "upstream", "fork"
_USUAL = ("main", "master")
PRODUCTION = ("prod", "production")
_SAY_BASE = "in invoke.yaml: hub: {{base_branch: {}}}"


class NotKnownHere(Refused):
    """The clone does not know; its remotes may."""


class Remotes(NamedTuple):
    """A clone's remotes by their role in a review; None if unknown.

    Attributes:
        push: the remote for pushing branches.
        upstream: the remote for pull requests, by name or address; by default ``push``.
        names_upstream: whether the settings, gh or a remote's name tell the upstream, not only ``push``.
        config: git's settings of remotes and branches.
    """

    names: tuple[str, ...]
    push: str | None
    upstream: str | None
    names_upstream: bool
    config: Mapping[str, str]

    def address(self, upstream: str) -> str:
        """Return the address of an upstream, given by name or address."""
        return self.config.get(f"remote.{upstream}.url", upstream)


class Review(NamedTuple):
    """Where a branch is pushed, and where its pull request goes.

    Attributes:
        base: the branch that pull requests go to.
        shared: the branches that are not committed to directly, each with a description.
        tip: the upstream's commit of the base branch; None if it was not asked, or has no such branch.
        heads: the branches of the push remote with their commits; None if it was not asked.
        repository: the upstream on its forge; None if remotes were asked without a pull request.
        fork: the repository of the push remote on its forge.
        github: the upstream for gh, if gh can open pull requests there.
        gap: why the upstream could not be asked.
        rehearses: in a rehearsal, where the real release goes.
    """

    remotes: Remotes
    base: str
    shared: Mapping[str, str]
    tip: str | None = None
    heads: Mapping[str, str] | None = None
    repository: Repository | None = None
    fork: Repository | None = None
    github: GitHub | None = None
    gap: str = ""
    rehearses: Review | None = None

    @property
    def remote(self) -> str:
        """The remote to push branches to; raises Refused if it is unknown or missing."""
        push, names = self.remotes.push, self.remotes.names
        if push is None:
            raise _several(names, "push to", "remote")
        if names and push not in names:
            raise _no_remote(push, names, "remote")
        return push

    @property
    def upstream(self) -> str:
        """The remote for pull requests, or its address; empty in a clone without remotes."""
        return self.remotes.upstream or ""

    @property
    def is_fork(self) -> bool:
        """Whether branches are pushed to another repository than the upstream."""
        if self.fork and self.repository:
            return not self.fork.is_same(self.repository)
        return self.remotes.push != self.remotes.upstream

    def head(self, branch: str) -> str:
        """Return the head of a pull request from ``branch``: ``OWNER:BRANCH`` in a fork."""
        owner = self.fork.path.partition("/")[0] if self.fork and self.repository and self.is_fork else None
        return f"{owner}:{branch}" if owner else branch


def find_review(git: Git, settings: Settings, *, ask: bool, push: bool = False, request: bool = False) -> Review:
    """Return where a branch is pushed and where its pull request goes, with ``request`` also on the forge.

    The remotes are asked with ``ask``, or if the clone and CI do not know the base branch. With ``push``, the push
    remote must answer.
    """
    remotes = read_remotes(git, settings)
    if not remotes.names or not ask:
        try:
            return review_known(git, settings)
        except Refused:
            if not remotes.names:
                raise
    if remotes.upstream is None:
        raise _several(remotes.names, "open pull requests in", UPSTREAM)
    upstream, fork, repository, github = remotes.upstream, None, None, None
    with Pool() as pool, output.waiting(f"asking {upstream}"):
        asked = pool.submit(git.remote_branches, upstream)
        address = git.push_address(remotes.push) if remotes.push in remotes.names else upstream
        pushing = asked if address == upstream else pool.submit(git.remote_branches, address)
        if request:
            fork, repository = (_repository(git, one) for one in _addresses(remotes, upstream))
            github = _github(git, repository)
            parent = None if remotes.names_upstream or address != remotes.push else _parent(github)
            if fork and github and parent:
                upstream = _at_path(remotes.config[f"remote.{remotes.push}.url"], parent)
                github, repository = github._replace(path=parent), fork._replace(path=parent)
                asked = pool.submit(git.remote_branches, upstream)
        pushed = result_of(pushing) if push else _answer(pushing)[0]
        branches, silent = _answer(asked)
    # If the upstream has no default branch, the clone may know one from `git remote set-head`.
    there = branches if branches and branches.default else git.known_branches(upstream)
    there = there._replace(heads=branches.heads) if branches else there
    try:
        review = _review(git, settings, remotes._replace(upstream=upstream), there, is_asked=branches is not None)
    except NotKnownHere:
        if ask and silent:
            raise silent from None
        raise
    if branches and (request or branches.heads) and review.base not in branches.heads:
        raise _no_branch(review.base, [*branches.heads], upstream)
    tip = branches.heads.get(review.base) if branches and ask else None
    heads, gap = pushed and pushed.heads, silent.what if silent else ""
    return review._replace(tip=tip, heads=heads, repository=repository, fork=fork, github=github, gap=gap)


def upstream_repository(git: Git, settings: Settings) -> Repository | None:
    """Return the repository for pull requests, by its address in git's configuration."""
    remotes = read_remotes(git, settings)
    return read_remote(remotes.address(remotes.upstream or ""))


def base_here(git: Git, review: Review) -> str | None:
    """Return the clone's commit of the base branch: the upstream's tip, as last fetched, or of the local branch."""
    known = (f"refs/remotes/{one}/{review.base}" for one in (review.upstream, review.remotes.push))
    asked = (git.commit_at(place) for place in (review.tip, *known, f"refs/heads/{review.base}") if place)
    return next((commit for commit in asked if commit), None)


def read_remotes(git: Git, settings: Settings) -> Remotes:
    """Return the push remote and the upstream, by git's configuration and the settings."""
    config = git.configuration
    keys = (key.removeprefix("remote.") for key in config if key.startswith("remote."))
    names = tuple(dict.fromkeys(key.rpartition(".")[0] for key in keys if key.endswith((".url", ".pushurl"))))
    usual = (ORIGIN,) if UPSTREAM in names else (FORK, ORIGIN)
    wanted = (config.get(f"branch.{git.start.branch}.pushremote"), config.get("remote.pushdefault"), *usual)
    push = settings.remote or next((one for one in wanted if one in names), None)
    near = config.get(f"remote.{push}.url", "")
    upstream = _find_upstream(config, settings, names, near)
    if upstream is None and push != ORIGIN and ORIGIN in names:
        upstream = ORIGIN
    others = [one for one in names if one != upstream]
    push = push or next(iter(others if len(others) == 1 else names if len(names) == 1 else ()), None)
    return Remotes(names, push, upstream or push, names_upstream=upstream is not None, config=config)


def _addresses(remotes: Remotes, upstream: str) -> tuple[str, str]:
    urls = (remotes.config.get(f"remote.{remotes.push}.{key}") for key in ("pushurl", "url"))
    return next(filter(None, urls), upstream), remotes.address(upstream)


def _repository(git: Git, address: str) -> Repository | None:
    """Return the repository at a remote's address, as written or after git's ``insteadOf``."""
    written = forges.reached(address)
    if written and written.forge:
        return written
    return forges.reached(git.ask("ls-remote", "--get-url", "--", address).text) or written


def _find_upstream(config: Mapping[str, str], settings: Settings, names: tuple[str, ...], near: str) -> str | None:
    """Return the upstream from the setting, from ``gh repo set-default`` or by a remote's name, or None."""
    wanted = settings.upstream
    if wanted is None:
        marked = ((name, config.get(f"remote.{name}.gh-resolved")) for name in names)
        name, mark = next(((name, mark) for name, mark in marked if mark), (None, None))
        if mark is None:
            return UPSTREAM if UPSTREAM in names else None
        if name is not None and mark == "base":
            return name
        wanted, near = mark, config.get(f"remote.{name}.url", near)
    if wanted in names:
        return wanted
    if "/" not in wanted:
        raise _no_remote(wanted, names, UPSTREAM)
    address = wanted if ":" in wanted or wanted.startswith(("/", ".")) else _at_path(near, wanted)
    there = read_remote(address)
    for one in names:
        its = read_remote(config.get(f"remote.{one}.url", ""))
        if its and there and its.is_same(there):
            return one
    return address


def _at_path(address: str, path: str) -> str:
    repository = read_remote(address)
    if repository is None:
        hint = "name a git remote, or write the whole address, in invoke.yaml: hub: {upstream: ADDRESS}"
        raise Refused(f"cannot tell which host has {path}", where="hub.upstream", hint=how_to_correct(UPSTREAM, hint))
    before, _, after = address.rpartition(repository.path)
    return f"{before}{path}{after}"


def _github(git: Git, repository: Repository | None) -> GitHub | None:
    """Return the repository for gh, if gh is installed and can open pull requests there, or None."""
    if repository is None or repository.path.count("/") != 1:
        return None
    return GitHub(repository.server, repository.path, git.folder) if forges.gh_knows(repository) else None


def _parent(github: GitHub | None) -> str | None:
    """Return the path of the fork's parent, from CI or gh, or None."""
    ci = read_ci()
    if github is None or (ci.is_fork is False and ci.path.lower() == github.path.lower()):
        return None
    return github.parent()


def _answer(asked: Future[RemoteBranches]) -> tuple[RemoteBranches | None, Unreachable | None]:
    try:
        return result_of(asked), None
    except Unreachable as fault:
        return None, fault


def review_known(git: Git, settings: Settings) -> Review:
    """Return where a branch is pushed and where its pull request goes, only by the clone, without gh and ssh."""
    remotes = read_remotes(git, settings)
    known = git.known_branches(remotes.upstream or ORIGIN)
    review = _review(git, settings, remotes, known, is_asked=False)
    # A branch that was not fetched yet may exist.
    if review.base not in known.heads and nearest(review.base, known.heads):
        raise _no_branch(review.base, [*known.heads], remotes.upstream or ORIGIN)
    fork, repository = map(read_remote, _addresses(remotes, remotes.upstream or ""))
    return review._replace(repository=repository, fork=fork)


def _review(git: Git, settings: Settings, remotes: Remotes, there: RemoteBranches, *, is_asked: bool) -> Review:
    """Return the review with the base branch, from the setting, CI or the upstream's branches ``there``."""
    upstream = remotes.upstream or ORIGIN
    ci, repository = read_ci(), read_remote(remotes.address(upstream))
    is_its = repository.path.lower() == ci.path.lower() if repository else remotes.push == remotes.upstream
    of_ci = ci.base if is_its and (not is_asked or ci.base in there.heads) else ""
    usual = (*_USUAL, remotes.config.get("init.defaultbranch"))
    likely = [name for name in usual if name in there.heads or not there.heads]
    likely += [*there.heads] if len(there.heads) == 1 else []
    base = settings.base_branch or of_ci or there.default or next(iter(likely), None)
    if base is None:
        set_head = f"git remote set-head {upstream} BRANCH; or name it " if upstream in remotes.names else "name it "
        hint = f"{set_head}{_SAY_BASE.format('NAME')}"
        kind = Refused if is_asked else NotKnownHere
        raise kind(f"cannot determine the default branch of {upstream}", where=git.folder, hint=hint)
    default = there.default or (None if settings.base_branch else base)
    shared = {
        **dict.fromkeys(PRODUCTION, "the branch that is deployed"),
        **dict.fromkeys((*_USUAL, "staging"), "a shared branch"),
        base: "the branch that pull requests go to",
    }
    return Review(remotes, base, {**shared, default: "the default branch"} if default else shared)


def _no_branch(base: str, known: Sequence[str], upstream: str) -> Refused:
    near = nearest(base, known) or (known[0] if len(known) == 1 else None)
    mean = f"did you mean {near}? " if near else ""
    hint = mean + how_to_correct("base_branch", f"name it {_SAY_BASE.format(near or 'NAME')}")
    return Refused(f"{upstream} has no branch {base}", where="hub.base_branch", hint=hint)


def _no_remote(wanted: str, names: Sequence[str], key: str) -> Refused:
    near = nearest(wanted, names)
    named = how_to_correct(key, f"in invoke.yaml: hub: {{{key}: {near or 'NAME'}}}")
    add = f"NAME {wanted}; then {named}" if {":", "/"}.intersection(wanted) else f"{wanted} URL"
    hint = f"did you mean {near}? {named}" if near else f"git remote add {add}"
    return Refused(f"there is no remote {wanted}", where=f"hub.{key}", hint=hint)


def _several(names: tuple[str, ...], what: str, key: str) -> Refused:
    if not names:
        return Refused("there is no remote to push to", where="git remote", hint="git remote add origin URL")
    # Do not guess which one is the team's: branches are pushed to the other one.
    hint = f"name it in invoke.yaml: hub: {{{key}: {'NAME' if key == UPSTREAM else names[0]}}}"
    return Refused(f"cannot tell which remote to {what}", where=", ".join(names), hint=hint)
