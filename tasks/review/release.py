"""Plan a whole release: sign-in, bump, commit, build, commit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from functools import cache
from shlex import quote

from ..core import output
from ..core.faults import Denied, Fault, Refused, Unreachable
from ..core.names import Reference
from ..core.options import AuthOptions, CommitOptions, ReleaseOptions
from ..core.plan import Action, Plan, Step, Values, refused
from ..image.build import Answers, ask_registries
from ..image.engines import engine_for
from ..image.inputs import require_committed
from ..image.planning import plan_build
from ..image.sign_in import plan_auth
from ..image.tag import name_image, names_commit
from ..releases.index import Index
from ..repo.hub import Hub, HubImage
from ..repo.remotes import NotKnownHere, Review
from ..tools.process import Pool, result_of
from ..tools.registry import inspect_all
from .branches import Start
from .bump import pinned_at, plan_bump
from .commit import plan_commit
from .preview import Outlook, preview_of
from .pull_request import BY_HAND, Lookups, from_registry, from_report
from .team import next_steps, push_step


def expected_release(begin: Start, index: Index | None, options: ReleaseOptions) -> tuple[Hub, Fault | None]:
    """Return the repository after the bump, and why a release could not be planned; no registry or engine is asked."""
    fault, moved = Plan((begin.step,)).refusal, begin.hub
    if index is None or (fault and not isinstance(fault, NotKnownHere)):
        return moved, fault
    try:
        _, moved = plan_bump(replace(begin.hub, index=index), options)
        if fault is None:
            plan_commit(moved, CommitOptions(), begin.review)
            _ = options.pushes and begin.review.remote
            _ = moved.settings.push and next_steps(moved, begin.review)
        planned, images = moved.as_if_committed(), moved.to_build(())
        engine_for(planned, options)
        require_committed(planned, images)
        for image in images:
            planned.pinned(image)
            name_image(planned, image, content="0")
        _ = moved.registries
    except Unreachable:
        return moved, fault
    except Fault as refusal:
        return moved, refusal
    return moved, fault


def plan_release(hub: Hub, options: ReleaseOptions, review: Review) -> tuple[Plan, Hub]:
    """Plan the whole release, each step on the repository as the previous one leaves it.

    A tag that contains a commit needs that commit before the build, and a second one for the values. If a step cannot
    be planned, it is the plan's last one, with the refusal.
    """
    names = ("bump", "commit", "build", "commit") if names_commit(hub.settings.tag) else ("bump", "build", "commit")
    with Pool() as pool:
        auth = pool.submit(_plan_auth, hub)
        steps: list[Step] = []
        try:
            for step, hub_after in _steps(hub, options, review, auth):
                steps.append(step)
                hub = hub_after
        except Fault as fault:
            steps.append(refused(names[len(steps)], fault))
        return Plan((result_of(auth), *steps)), hub


def _plan_auth(hub: Hub) -> Step:
    try:
        return plan_auth(hub.registries, AuthOptions())
    except Fault as fault:
        return refused("auth", fault)


def _steps(hub: Hub, options: ReleaseOptions, review: Review, auth: Future[Step]) -> Iterator[tuple[Step, Hub]]:
    bumping, hub = plan_bump(hub, options)
    pushes = hub.settings.push and not options.no_push
    with Pool() as pool:
        cluster = pool.submit(preview_of, hub, review)
        yield bumping, hub
        with output.waiting(f"asking Docker's helper for {', '.join(hub.registries)}"):
            signs_in = any(action.mark != "-" for action in result_of(auth).actions)
        images = hub.to_build(options.image)
        refusals: Iterable[Action] = ()
        if names_commit(hub.settings.tag):
            if pushes:
                _require_confirmed(hub)
            moving, hub = plan_commit(hub, replace(options, push=False, pr=False), review)
            yield moving, hub
            if hub.pending:
                refusals = _silent_registries(images, signs_in=signs_in) if pushes else ()
                # The user's message is for the first commit only.
                options = replace(options, message=None)
        else:
            # Not counting the files that the release commits itself.
            require_committed(hub.as_if_committed(), images)
        building, hub = plan_build(hub, options)
        building = building._replace(actions=(*refusals, *building.actions))
        yield building, hub
        with output.waiting("rendering the chart"):
            changes = result_of(cluster)
    yield _last_commit(hub, options, review, building, changes)


def _last_commit(
    hub: Hub, options: ReleaseOptions, review: Review, building: Step, changes: Outlook
) -> tuple[Step, Hub]:
    """Plan the last commit, with the next steps and, for the question that follows, the changes in the cluster."""
    pushes = hub.settings.push and not options.no_push
    images = (lambda _, results: from_report(building.report(results)["images"])) if pushes else from_registry
    step, hub = plan_commit(hub, options, review, Lookups(images, lambda *_: changes))
    has_more = bool(hub.pending or step.to_do or building.to_do)

    @cache  # a step is reported several times, and this may ask the forge
    def steps(url: str | None, status: str | None) -> tuple[str, ...]:
        if not pushes:
            return (push_step(hub),)
        return next_steps(hub, review, url, by_hand=status == BY_HAND, is_done=not has_more)

    def report(results: Values) -> Values:
        content = step.report(results)
        request = content["pull_request"] or {}
        return {**content, "next_steps": list(steps(request.get("url"), request.get("status")))}

    report({})  # raises for an invalid setting before anything is done
    actions, warnings = [*step.actions], [*step.warnings()]
    if isinstance(changes, Fault):
        warnings.append(f"the changes in the cluster were not checked: {changes.text}")
    elif changes:
        warnings += changes.warnings()
        # Without a question, a release must not break the deployment.
        refusal = changes.refusal(hub.settings.accept) if options.yes else None
        actions += refused(step.name, refusal).actions if refusal else ()
    return step._replace(actions=tuple(actions), warnings=lambda: warnings, report=report), hub


def _require_confirmed(hub: Hub) -> None:
    """Check that the registry has the images that changed values name: the first commit contains them."""
    before = replace(hub, files=hub.committed)
    changed = (place for place in hub.places if pinned_at(hub, place) != pinned_at(before, place))
    named = {place: image for place in changed if (image := place.read(hub.files).image)}
    answers = inspect_all(named.values())
    for place in (place for place, image in named.items() if answers[image] is None):
        hint = f"put that aside: git stash push -- {quote(place.file)}; then run the same command again"
        raise Refused(f"no registry has {named[place]}, which these values name", where=place.file, hint=hint)


def _silent_registries(images: Iterable[HubImage], *, signs_in: bool) -> Iterator[Action]:
    """Yield a refusal for each registry that does not answer: planning the build of a planned commit asks none."""
    answers: Answers = {}
    ask_registries(answers, (Reference(image.spec.name) for image in images))
    for answer in answers.values():
        if isinstance(answer, Fault) and not (signs_in and isinstance(answer, Denied)):
            yield from refused("build", answer).actions
