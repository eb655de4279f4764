"""``init``: give a chart repository its hub image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.tasks import task

from .edge import JSON_HELP, REPO_HELP, HubTask, open_run
from .plan import Action, Plan, Step

if TYPE_CHECKING:
    from invoke.context import Context

    from .hubrepo.layout import Hub

HELP = {
    "prefix": "what the image's name begins with, HOST/PATH/ (default: ghcr.io/OWNER/, where the remote is GitHub's)"
}


@task(klass=HubTask, auto_shortflags=False, help={**HELP, **REPO_HELP, **JSON_HELP})
def init(c: Context, prefix: str | None = None, repo: str | None = None, json: bool = False) -> None:
    """Give a chart repository its hub image; overwrite nothing.

    Writes a Dockerfile for the pinned release, chartpress.yaml, the values keys and Makefile targets, each only
    where it is missing. Look first with invoke --dry init. Afterwards: git add, git commit, invoke build.
    """
    with open_run(c, repo=repo, json=json) as run:
        run.carry_out(Plan((plan_init(run.hub, prefix),)))


def plan_init(hub: Hub, prefix: str | None) -> Step:
    """Plan the files that the repository lacks.

    Raises:
        Unusable: no chart depends on z2jh, or the image's prefix cannot be told.
        Refused: the Helm repository does not have the pinned release.
    """
    from .faults import Refused
    from .hubrepo.files import edit_action
    from .hubrepo.scaffold import find_chart, scaffold
    from .z2jh.repository import HelmRepository

    chart = find_chart(hub.git, hub.files, hub.settings.dependency, hub.settings.chart)
    address = hub.settings.chart_repository or chart.requirement.repository
    repository = HelmRepository(
        address, hub.settings.fetched, chart.requirement.name, asked=hub.settings.chart_repository is not None
    )
    release = repository.index().releases.get(chart.requirement.version)
    if release is None:
        raise Refused(
            f"there is no {chart.requirement.name} {chart.requirement.version}",
            where=address,
            hint="mend the requirement's version; helm search repo lists what there is",
        )
    edits, there = scaffold(hub.files, chart, repository.hub_image(release), prefix or _prefix(hub))
    why = f"{chart.folder} depends on {chart.requirement.name} {chart.requirement.version}"
    actions = [edit_action(hub.git.folder, edits, why)] if edits else []
    return Step(
        "init",
        (*actions, *(Action(f"{path}: is there, and stays as it is") for path in there)),
        leaves=hub.edited(edits),
        report=lambda: {"files": [edit.path for edit in edits], "kept": there},
        summary=lambda: [f"{edit.path}: {edit.summary}" for edit in edits],
    )


def _prefix(hub: Hub) -> str:
    """Return what the image's name begins with, where the remote tells.

    Raises:
        Unusable: it does not.
    """
    from urllib.parse import urlsplit

    from .faults import Unusable
    from .review.forge import web_address

    parts = urlsplit(web_address(hub.git.remote_url(hub.settings.remote) or "") or "")
    if parts.hostname == "github.com":
        return f"ghcr.io/{parts.path.split('/')[1].lower()}/"
    raise Unusable(
        "where the image is to be pushed cannot be told",
        where=hub.settings.remote,
        hint="say it: invoke init --prefix us-central1-docker.pkg.dev/PROJECT/REPOSITORY/",
    )
