"""``release``: auth, bump, commit, build, commit as one plan."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from invoke.tasks import task

from .auth import AuthOptions, plan_auth
from .build import HELP as BUILD_HELP
from .build import plan_build
from .bump import HELP as BUMP_HELP
from .commit import HELP as COMMIT_HELP
from .core import output
from .core.faults import DOOR, Denied, Fault, Refused
from .core.plan import Plan, Step
from .core.session import JSON_HELP, REPO_HELP, HubTask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from invoke.context import Context

    from .image.definition import BuildOptions
    from .repo.hub import Hub
    from .repo.run import Run
    from .review.bump import BumpOptions
    from .review.commit import CommitOptions
    from .review.description import Witness

HELP = {**BUMP_HELP, **BUILD_HELP, **COMMIT_HELP, "yes": "go on without asking"}


@task(klass=HubTask, auto_shortflags=False, iterable=["image"], help={**HELP, **REPO_HELP, **JSON_HELP})
def release(
    c: Context,
    to: str | None = None,
    pre: bool = False,
    dev: bool = False,
    major: bool = False,
    image: list[str] | None = None,
    no_push: bool = False,
    force: bool = False,
    platform: str | None = None,
    builder: str | None = None,
    no_cache: bool = False,
    engine: str = "buildx",
    message: str | None = None,
    branch: str | None = None,
    push: bool = False,
    pr: bool = False,
    yes: bool = False,
    repo: str | None = None,
    json: bool = False,
) -> None:
    """Move to a z2jh release, build its hub image, commit both.

    Is auth, bump, commit, build, commit as one plan: shows it, asks, and does
    it. What is done already is not done again, so a release that was stopped
    goes on with the same command.

    Examples:
      --dry release              the plan, with every command; touches nothing
      release                    the newest of this major version
      release --to 4.4.0 --push  exactly this one, and push the branch
      release --yes --pr         without asking, up to the pull request

    Afterwards: review the branch, then proceed to deployment as normal.
    """
    from .image.definition import BuildOptions
    from .repo.run import open_run
    from .review.bump import BumpOptions
    from .review.commit import CommitOptions
    from .tools.git import require_unlocked

    bump = BumpOptions(to, pre, dev, major)
    build = BuildOptions(tuple(image or ()), not no_push, force, platform, builder, no_cache, engine)
    with open_run(c, repo=repo, json=json) as run:
        plan = plan_release(run.hub, bump, build, CommitOptions(message, branch, push, pr))
        if not run.dry and not plan.nothing_to_do:
            require_unlocked(run.hub.git.git_dir)
            _agree(run, plan, yes=yes)
        run.carry_out(plan, lambda: {"steps": plan.step_reports()})
        if not run.dry:
            output.say(_next_step(run.hub, plan))


def plan_release(hub: Hub, bump: BumpOptions, build: BuildOptions, commit: CommitOptions) -> Plan:
    """Plan the whole release, each step on the repository as the one before it will leave it.

    A tag that names a commit needs that commit before the build, and a second one for the values. A tag that names
    the content needs one commit, at the end. The sign-in, the Helm repository and the remote are asked side by side;
    the builder answers while the commit is planned.
    """
    from .review.bump import plan_bump
    from .tools.process import Pool

    hosts, git = hub.registries, hub.git
    with Pool() as pool:
        planned = pool.submit(plan_auth, hosts, AuthOptions())
        pushes = commit.push or commit.request
        heads = pool.submit(git.remote_heads, git.push_address(hub.settings.remote)) if pushes else None
        bumping, bumped = plan_bump(hub, bump)
        with output.waiting(f"asking Docker's helper for {', '.join(hosts)}"):
            signing_in = planned.result()
        steps = _steps(bumped, build, commit, heads, signs_in=bool(signing_in.to_do))
        return Plan((signing_in, bumping, *steps))


def _steps(
    hub: Hub, build: BuildOptions, commit: CommitOptions, heads: Future[dict[str, str]] | None, *, signs_in: bool
) -> Iterator[Step]:
    """Yield what follows the move to a release, each step planned on the repository as the one before will leave it."""
    from .image.planning import ask_builder, require_only_managed_changes
    from .image.tag import depends_on, names_commit
    from .review.commit import plan_commit
    from .tools.process import Pool

    if not names_commit(hub.settings.tag):
        require_only_managed_changes(hub, build.images)
        building, built = plan_build(hub, build)
        committing, _ = plan_commit(built, commit, _witness(hub, build, building), heads)
        yield from (building, committing)
        return
    with Pool() as pool:
        changed = hub.changed
        # A build is certain where a file that an image depends on is yet to be committed.
        certain = any(depends_on(hub, image, changed) for image in hub.select(hub.images, build.images))
        builder = pool.submit(ask_builder, hub, build) if certain else None
        moving, moved = plan_commit(hub, commit._replace(push=False, request=False))
        building, built = plan_build(moved, build, builder)
    if moved.pending:
        _require_answers(hub, build, signs_in=signs_in)
    # A message that was given belongs to the first commit that is made.
    options = commit._replace(message=None if moved.pending else commit.message)
    committing, _ = plan_commit(built, options, _witness(hub, build, building), heads)
    yield from (moving, building, committing)


def _require_answers(hub: Hub, options: BuildOptions, *, signs_in: bool) -> None:
    """Check that the images' registries answer, before a commit is made whose images they could not take.

    A build asks them for its tags, but not for one that names a commit which is yet to be made.
    """
    from .core.names import Reference
    from .tools.docker import inspect_all

    if not (options.push and hub.settings.push):
        return
    images = hub.select(hub.images, options.images)
    repositories = list(dict.fromkeys(Reference(image.spec.name) for image in images))
    with output.waiting(f"asking {', '.join(dict.fromkeys(one.host for one in repositories))}"):
        answers = inspect_all(repositories)
    for answer in answers:
        if isinstance(answer, Fault) and not (signs_in and isinstance(answer, Denied)):
            raise answer


def _witness(hub: Hub, options: BuildOptions, built: Step) -> Witness:
    """Return what tells of the images: the build that proved them; the registry where nothing is pushed."""
    from .review.description import from_registry, from_report

    if not (options.push and hub.settings.push):
        return from_registry
    return lambda _: from_report(built.report({})["images"])


def _agree(run: Run, plan: Plan, *, yes: bool) -> None:
    """Show the plan, and have it agreed to."""
    run.show_plan(plan)
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused("nobody can be asked here", where="no terminal", hint="look at the plan, then: add --yes")
    if not output.confirm("Go on?"):
        raise Refused("not agreed to, nothing was done", hint=f"{DOOR} release, and answer y; or {DOOR} --dry release")


def _next_step(hub: Hub, plan: Plan) -> str:
    branch = plan.report()["branch"]
    base = hub.settings.base_branch or hub.git.default_branch(hub.settings.remote)
    if plan.nothing_to_do:
        return "Nothing to do. Proceed to deployment as normal."
    request = plan.report()["pull_request"] or {}
    return (
        f"Steps: {_times(plan)}\n"
        f"Review it: {request.get('url') or f'git log --patch {base}..{branch}'}\n"
        f"Once {branch} is merged, proceed to deployment as normal."
    )


def _times(plan: Plan) -> str:
    reports: list[dict[str, Any]] = plan.step_reports()
    return ", ".join(f"{one['name']} {output.duration(one['seconds'] or 0)}" for one in reports)
