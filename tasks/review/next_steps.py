"""What the team does after a release: the setting ``next_steps``, else what the repository shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..core.faults import DOOR, Unusable
from ..image.tag import render
from ..repo.deployments import HUBPLOY_FILE
from ..repo.hub import Hub
from ..repo.labeler import PullRequestPaths, expected_labels, labels_of
from ..repo.remotes import PRODUCTION, Review
from .branches import waits_for

SETTING = "hub.next_steps"
_STAGING = "config/staging.yaml"
_MOST_NAMED = 8


class StagedDeployment(NamedTuple):
    """A deployment that uses the hub's chart: its name, and whether it has a staging hub."""

    name: str
    has_staging: bool


def next_steps(
    hub: Hub, review: Review, request: str | None = None, *, pushes: bool = True, is_done: bool = False
) -> tuple[str, ...]:
    """Return the steps that follow a release.

    Args:
        hub: the repository as the release leaves it.
        review: where its pull request goes.
        request: the pull request's address, or what stands for it; None where there is none.
        pushes: whether the image is pushed.
        is_done: whether the release had nothing left to do: then the steps begin with what it waits for, and there are
            none where it is merged.
    """
    branch, base = hub.branch or "HEAD", review.base
    start = f"{review.upstream}/{base}" if review.is_fork and review.upstream in review.remotes.names else base
    wanted = request or f"{branch} (git log --patch {start}..{branch})"
    names = {"version": hub.version, "branch": branch, "pull_request": wanted}
    told = tuple(render(step, names, SETTING) for step in hub.settings.next_steps)
    if not pushes:
        return (f"Push the image and set it in the values, which still name the old one: {DOOR} release",)
    waiting = waits_for(hub, review, branch, request) if is_done else ""
    if is_done and not waiting:
        return ()
    labels = () if waiting else _labels(hub, review)
    return told or tuple(_shown_by(hub, review, wanted, labels, waiting))


def usual_steps(hub: Hub, review: Review) -> tuple[str, ...]:
    """Return the steps that follow each release, with ``VERSION`` in place of a version."""
    version, request = "VERSION", "the pull request"
    branch = render(hub.settings.branch, {"version": version}, "hub.branch")
    names = {"version": version, "branch": branch, "pull_request": request}
    told = tuple(render(step, names, SETTING) for step in hub.settings.next_steps)
    labels = labels_of(hub.files, PullRequestPaths(hub.managed, branch, review.base))
    planned = hub.with_commit(branch, hub.managed)
    return told or tuple(_shown_by(planned, review, request, tuple(dict.fromkeys((*hub.settings.labels, *labels)))))


def deployments_in_use(hub: Hub) -> tuple[StagedDeployment, ...]:
    """Return the deployments that use the hub's chart: folders with hubploy.yaml and values for it.

    hubploy is told the chart when it is called; the values are what ties a deployment to it
    (https://github.com/berkeley-dsep-infra/hubploy#repository-structure).
    """
    git, key = hub.git, hub.requirement.alias or hub.requirement.name
    listed = git.names("ls-files", "-z", "--", f":(glob)**/{HUBPLOY_FILE}", f":(glob)**/{_STAGING}")
    configs = (":(glob)**/config/*.yaml", ":(glob)**/config/*.yml")
    search = ("grep", "-zlG", "--no-color", "--no-recurse-submodules", "-e", f"^{key}:", "--", *configs)
    with_values = {path.rpartition("/config/")[0] for path in git.ask(*search).text.split("\0")}
    folders = (path.rpartition("/")[0] for path in listed if path.endswith(f"/{HUBPLOY_FILE}"))
    return tuple(
        StagedDeployment(folder.rpartition("/")[2], f"{folder}/{_STAGING}" in listed)
        for folder in folders
        # The name of a template's folder holds cookiecutter's braces.
        if folder in with_values and "{" not in folder
    )


def _shown_by(hub: Hub, review: Review, request: str, labels: Sequence[str], waiting: str = "") -> Iterator[str]:
    base = review.base
    yield f"Wait for {waiting}" if waiting else f"Review {request}"
    if labels:
        yield f"Check that it has the labels {', '.join(labels)}"
    if not waiting and hub.branch != base:
        yield f"Merge {hub.branch or 'HEAD'} into {base}"
    found = deployments_in_use(hub)
    staging = [one.name for one in found if one.has_staging]
    if staging:
        yield f"Check the staging hubs ({_named(staging)}): a user can sign in and start a server"
    production = next((name for name in PRODUCTION if _has_branch(hub, name)), base)
    if production != base:
        yield f"Once {'they work' if staging else 'that works'}, open a pull request from {base} into {production}"
    elif found:
        yield f"Deploy {_named([one.name for one in found])}"
    else:
        yield "Deploy as usual"


def _labels(hub: Hub, review: Review) -> tuple[str, ...]:
    try:
        return expected_labels(hub, review)
    except Unusable:
        return hub.settings.labels


def _has_branch(hub: Hub, name: str) -> bool:
    return bool(hub.git.read("for-each-ref", "--count=1", f"refs/remotes/*/{name}"))


def _named(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return f"{', '.join(names[:_MOST_NAMED])}{f' and {more} more' if more > 0 else ''}"
