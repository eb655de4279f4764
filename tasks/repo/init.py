"""Plan the files that a chart repository lacks for its hub image."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ..core.faults import DOOR, Refused, Unusable
from ..core.names import is_name
from ..core.plan import Action, Step
from ..releases.choose import newest
from ..releases.repository import HelmRepository
from ..tools.forges import read_remote
from .chart import Requirement
from .files import FileEdit, edit_action
from .hub import JUPYTERHUBS, Hub
from .remotes import upstream_address
from .scaffold import CHART, BareChart, Kept, chart_edit, find_chart, scaffold


def plan_init(hub: Hub, prefix: str | None) -> Step:
    """Plan the files that the repository lacks; ``prefix`` is what the user wants the image's name to begin with."""
    settings = hub.settings
    found = find_chart(hub.git, hub.files, settings.dependency, settings.chart)
    address = settings.chart_repository or (found.requirement.repository if found else JUPYTERHUBS)
    asked = settings.chart_repository is not None
    repository = HelmRepository(address, settings.fetched, settings.dependency, asked=asked)
    index = repository.index()
    release = index.releases.get(found.requirement.version) if found else newest(index)
    if release is None:
        raise Refused(
            f"there is no {settings.dependency} {found.requirement.version if found else 'that is stable'}",
            where=index.where,
            hint="mend the requirement's version; helm search repo lists what there is",
        )
    new = BareChart(
        settings.chart or CHART, Requirement(settings.dependency, release.version, address, alias=None, line=1)
    )
    chart = found or new
    lacking = scaffold(hub.files, chart, repository.hub_image(release), partial(_prefix, hub, prefix))
    edits = lacking.edits if found else (chart_edit(chart), *lacking.edits)
    why = f"{chart.folder} depends on {chart.requirement.name} {chart.requirement.version}"
    to_add = {kept.path: kept.lacks for kept in lacking.kept if kept.lacks}
    return Step(
        "init",
        (*([_write(hub, edits, why)] if edits else []), *map(_keep, lacking.kept)),
        report=lambda _: {
            "files": [edit.path for edit in edits],
            "kept": [kept.path for kept in lacking.kept],
            "to_add": to_add,
        },
        summary=lambda _: [
            *(f"{edit.path}: {edit.summary}" for edit in edits),
            *(f"{path}: add by hand:\n{lines.rstrip()}" for path, lines in to_add.items()),
        ],
    )


def _write(hub: Hub, edits: Sequence[FileEdit], why: str) -> Action:
    """Return the action that writes all of it or nothing, each file shown below its name."""
    lines = (line for edit in edits for line in (f"{edit.path}:", *(f"  {line}" for line in edit.diff())))
    what = f"write {', '.join(edit.path for edit in edits)}"
    return edit_action(hub.git.folder, edits, why)._replace(what=what, details=tuple(lines))


def _keep(kept: Kept) -> Action:
    what = f"{kept.path}: is there, and stays as it is"
    return Action(f"{what}; add by hand:" if kept.lacks else what, details=(kept.lacks,) if kept.lacks else ())


def _prefix(hub: Hub, given: str | None) -> str:
    """Return what the image's name begins with: as the user gave it, else for the remote's owner on GitHub."""
    hint = f"say it: {DOOR} init --prefix us-central1-docker.pkg.dev/PROJECT/REPOSITORY/"
    if given is not None:
        prefix = given if given.endswith(("/", "-")) else f"{given}/"
        if not is_name(f"{prefix}hub"):
            raise Unusable(f"{given!r} is no beginning of an image's name", where="--prefix", hint=hint)
        return prefix
    remote = read_remote(upstream_address(hub.git, hub.settings))
    if remote is not None and remote.host == "github.com":
        return f"ghcr.io/{remote.path.split('/')[0].lower()}/"
    raise Unusable("where the image is to be pushed cannot be told", where="git remote", hint=hint)
