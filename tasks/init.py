"""``init``: give a chart repository its hub image."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from invoke.tasks import task

from .core import output
from .core.faults import DOOR
from .core.plan import Action, Plan, Step
from .core.session import JSON_HELP, REPO_HELP, HubTask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from invoke.context import Context

    from .releases.index import Index, Release
    from .repo.files import FileEdit
    from .repo.hub import Hub
    from .repo.scaffold import BareChart, Kept

HELP = {
    "prefix": "what the image's name begins with, HOST/PATH/ (default: ghcr.io/OWNER/, where the remote is GitHub's)"
}


@task(klass=HubTask, auto_shortflags=False, help={**HELP, **REPO_HELP, **JSON_HELP})
def init(c: Context, prefix: str | None = None, repo: str | None = None, json: bool = False) -> None:
    """Give a chart repository its hub image; overwrite nothing.

    Writes a Dockerfile for the pinned release, chartpress.yaml, the values
    keys and Makefile targets, each only where it is missing; in a repository
    without any chart, one for the newest release too. Shows the plan first,
    and says what a file that is there lacks.

    Examples:
      --dry init                 look first
      init                       the image goes to ghcr.io/OWNER/
      init --prefix HOST/PATH/   it goes there

    Afterwards: git add, git commit, release.
    """
    from .repo.run import open_run

    with open_run(c, repo=repo, json=json) as run:
        plan = Plan((plan_init(run.hub, prefix),))
        if run.dry or plan.nothing_to_do:
            run.carry_out(plan)
            return
        run.show_plan(plan)
        run.carry_out(plan)
        output.say(f"Look at it, commit it, then: {DOOR} release")


def plan_init(hub: Hub, prefix: str | None) -> Step:
    """Plan the files that the repository lacks.

    Raises:
        Unusable: no chart of the repository's depends on z2jh, or the image's prefix cannot be told or used.
        Refused: the Helm repository does not have the pinned release.
    """
    from .releases.repository import HelmRepository
    from .repo.hub import JUPYTERHUBS
    from .repo.scaffold import chart_edit, find_chart, scaffold

    found = find_chart(hub.git, hub.files, hub.settings.dependency, hub.settings.chart)
    address = hub.settings.chart_repository or (found.requirement.repository if found else JUPYTERHUBS)
    repository = HelmRepository(
        address, hub.settings.fetched, hub.settings.dependency, asked=hub.settings.chart_repository is not None
    )
    release = _release(hub, repository.index(), found)
    chart = found or _new_chart(hub, release, address)
    lacking = scaffold(hub.files, chart, repository.hub_image(release), partial(_prefix, hub, prefix))
    edits = lacking.edits if found else (chart_edit(chart), *lacking.edits)
    why = f"{chart.folder} depends on {chart.requirement.name} {chart.requirement.version}"
    writing = [_writing(hub, edits, why)] if edits else []
    return Step(
        "init",
        (*writing, *map(_kept_action, lacking.kept)),
        report=lambda _: {
            "files": [edit.path for edit in edits],
            "kept": [kept.path for kept in lacking.kept],
            "to_add": {kept.path: kept.lacks for kept in lacking.kept if kept.lacks},
        },
        summary=lambda _: [
            *(f"{edit.path}: {edit.summary}" for edit in edits),
            *(f"{kept.path}: add by hand:\n{kept.lacks.rstrip()}" for kept in lacking.kept if kept.lacks),
        ],
    )


def _release(hub: Hub, index: Index, chart: BareChart | None) -> Release:
    """Return the release that the chart pins; the newest stable one where there is no chart yet."""
    from .core.faults import Refused
    from .releases.choose import newest

    version = chart.requirement.version if chart else None
    release = newest(index) if version is None else index.releases.get(version)
    if release is None:
        raise Refused(
            f"there is no {hub.settings.dependency} {version or 'that is stable'}",
            where=index.where,
            hint="mend the requirement's version; helm search repo lists what there is",
        )
    return release


def _new_chart(hub: Hub, release: Release, address: str) -> BareChart:
    from .repo.chart import Requirement
    from .repo.scaffold import CHART, BareChart

    requirement = Requirement(hub.settings.dependency, release.version, address, alias=None, line=1)
    return BareChart(hub.settings.chart or CHART, requirement)


def _writing(hub: Hub, edits: Sequence[FileEdit], why: str) -> Action:
    """Return the action that writes all of it or nothing, each file shown below its name."""
    from .repo.files import edit_action

    lines = (line for edit in edits for line in (f"{edit.path}:", *(f"  {line}" for line in edit.diff())))
    what = f"write {', '.join(edit.path for edit in edits)}"
    return edit_action(hub.git.folder, edits, why)._replace(what=what, details=tuple(lines))


def _kept_action(kept: Kept) -> Action:
    what = f"{kept.path}: is there, and stays as it is"
    return Action(f"{what}; add by hand:" if kept.lacks else what, details=(kept.lacks,) if kept.lacks else ())


def _prefix(hub: Hub, given: str | None) -> str:
    """Return what the image's name begins with: as it was given, else where the remote tells.

    Raises:
        Unusable: neither tells, or no image can have such a name.
    """
    from .core.faults import Unusable
    from .core.names import is_name
    from .tools.forges import read_remote

    hint = f"say it: {DOOR} init --prefix us-central1-docker.pkg.dev/PROJECT/REPOSITORY/"
    if given is not None:
        prefix = given if given.endswith(("/", "-")) else f"{given}/"
        if not is_name(f"{prefix}hub"):
            raise Unusable(f"{given!r} is no beginning of an image's name", where="--prefix", hint=hint)
        return prefix
    remote = read_remote(hub.git.remote_url(hub.settings.remote) or "")
    if remote is not None and remote.host == "github.com":
        return f"ghcr.io/{remote.path.split('/')[0].lower()}/"
    raise Unusable("where the image is to be pushed cannot be told", where=hub.settings.remote, hint=hint)
