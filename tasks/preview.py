"""``preview``: show what a release changes in the cluster."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from .bump import HELP as BUMP_HELP
from .core.session import JSON_HELP, REPO_HELP, HubTask, present
from .core.settings import BumpOptions, require_like
from .run import open_run

HELP = {
    "deployment": "preview only this deployment, or those of this hubploy folder or cluster; repeatable",
    "kube-version": "the cluster's Kubernetes version (default: hub.kubernetes)",
}


@task(
    klass=HubTask, auto_shortflags=False, iterable=["deployment"], help={**BUMP_HELP, **HELP, **REPO_HELP, **JSON_HELP}
)
def preview(
    c: Context,
    to: str | None = None,
    pre: bool = False,
    dev: bool = False,
    major: bool = False,
    deployment: list[str] | None = None,
    kube_version: str | None = None,
    repo: str | None = None,
    json: bool = False,
) -> None:
    """Show what a release changes in the cluster.

    Renders the chart with helm, as the base branch has it and as the release
    leaves it, with each deployment's values, and compares object by object.
    Read-only; asks no cluster, and masks what looks secret.
    Exit code 1 where the new chart refuses a deployment's values, or needs a
    newer Kubernetes. Shows what is committed, and names what is not.

    Examples:
      preview                    the newest release of this major version
      preview --to 4.0.0         exactly this one
      preview --deployment edx   that deployment, or those of that folder

    Afterwards: release.
    """
    from .review.preview import plan_preview

    with open_run(c, repo=repo, json=json, writes=False) as run:
        if kube_version is not None:
            require_like("kubernetes", "--kube-version 1.30", kube_version)
        cluster = kube_version or run.hub.settings.kubernetes
        found = plan_preview(run.hub, BumpOptions(to, pre, dev, major), deployment or (), cluster)
        text, ok = "\n".join(found.lines()), not found.problems
        present(found.report(), text, json=json, ok=ok)
