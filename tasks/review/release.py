"""Plan a whole release: sign-in, bump, commit, build, commit."""

from __future__ import annotations

from collections.abc import Iterator

from ..core import output
from ..core.faults import Denied, Fault
from ..core.names import Reference
from ..core.options import AuthOptions, BuildOptions, BumpOptions, CommitOptions
from ..core.plan import Plan, Step
from ..image.planning import ask_builder, plan_build, require_only_managed_changes
from ..image.sign_in import plan_auth
from ..image.tag import depends_on, names_commit
from ..repo.hub import Hub
from ..repo.remotes import Review
from ..tools.docker import inspect_all
from ..tools.process import Pool
from .bump import plan_bump
from .commit import plan_commit
from .description import Witness, from_registry, from_report


def plan_release(hub: Hub, bump: BumpOptions, build: BuildOptions, commit: CommitOptions, review: Review) -> Plan:
    """Plan the whole release, each step on the repository as the one before it will leave it.

    A tag that names a commit needs that commit before the build, and a second one for the values. A tag that names
    the content needs one commit, at the end. The sign-in and the Helm repository are asked side by side; the builder
    answers while the commit is planned.
    """
    hosts = hub.registries
    with Pool() as pool:
        planned = pool.submit(plan_auth, hosts, AuthOptions())
        bumping, bumped = plan_bump(hub, bump)
        with output.waiting(f"asking Docker's helper for {', '.join(hosts)}"):
            signing_in = planned.result()
        steps = _steps(bumped, build, commit, review, signs_in=bool(signing_in.to_do))
        return Plan((signing_in, bumping, *steps))


def _steps(hub: Hub, build: BuildOptions, commit: CommitOptions, review: Review, *, signs_in: bool) -> Iterator[Step]:
    """Yield what follows the move to a release, each step planned on the repository as the one before will leave it."""
    if not names_commit(hub.settings.tag):
        require_only_managed_changes(hub, build.images)
        building, built = plan_build(hub, build)
        committing, _ = plan_commit(built, commit, review, _witness(hub, build, building))
        yield from (building, committing)
        return
    with Pool() as pool:
        changed = hub.changed
        # A build is certain where a file that an image depends on is yet to be committed.
        certain = any(depends_on(hub, image, changed) for image in hub.to_build(build.images))
        builder = pool.submit(ask_builder, hub, build) if certain else None
        moving, moved = plan_commit(hub, commit._replace(push=False, request=False), review)
        building, built = plan_build(moved, build, builder)
    if moved.pending:
        _require_answers(hub, build, signs_in=signs_in)
    # A message that was given belongs to the first commit that is made.
    options = commit._replace(message=None if moved.pending else commit.message)
    committing, _ = plan_commit(built, options, review, _witness(hub, build, building))
    yield from (moving, building, committing)


def _require_answers(hub: Hub, options: BuildOptions, *, signs_in: bool) -> None:
    """Check that the images' registries answer, before a commit is made whose images they could not take.

    A build asks them for its tags, but not for one that names a commit which is yet to be made.
    """
    if not (options.push and hub.settings.push):
        return
    images = hub.to_build(options.images)
    repositories = list(dict.fromkeys(Reference(image.spec.name) for image in images))
    with output.waiting(f"asking {', '.join(dict.fromkeys(one.host for one in repositories))}"):
        answers = inspect_all(repositories)
    for answer in answers:
        if isinstance(answer, Fault) and not (signs_in and isinstance(answer, Denied)):
            raise answer


def _witness(hub: Hub, options: BuildOptions, built: Step) -> Witness:
    """Return what tells of the images: the build that proved them; the registry where nothing is pushed."""
    if not (options.push and hub.settings.push):
        return from_registry
    return lambda _, left: from_report(built.report(left)["images"])
