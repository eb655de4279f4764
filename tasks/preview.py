"""``preview``: show what a release changes in the cluster."""

from __future__ import annotations

from .core.options import PreviewOptions
from .core.settings import require_like
from .run import Run, hub_task


@hub_task(PreviewOptions, writes=False)
def preview(run: Run, options: PreviewOptions) -> None:
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

    require_like("kubernetes", "--kube-version 1.30", options.kube_version)
    cluster = options.kube_version or run.hub.settings.kubernetes
    found = plan_preview(run.hub, options, options.deployment, cluster)
    run.present(found.report(), "\n".join(found.lines()), ok=not found.problems)
