"""What the world has done since: security fixes of newer releases, base images whose tags have moved."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.faults import DOOR
from ..core.settings import Settings
from ..image.proof import LABEL
from ..releases.index import Index, newest
from ..releases.notes import CHANGELOG, fixes_between, known
from ..releases.versions import order, parse_version
from ..repo.hub import Hub, HubImage
from ..tools.registry import FoundImage
from .problems import Code, Problem, Severity, Unchecked


def security_problems(hub: Hub, index: Index) -> Iterator[Problem | Unchecked]:
    """Yield the security fixes that the pinned release lacks: those of its own major version, and those beyond it.

    Only z2jh's own releases are known, and only those that ``index`` offers count.
    """
    pinned, top = parse_version(hub.version), newest(index)
    if hub.requirement.name != Settings().dependency or not pinned or not top or not top.semver:
        return
    near = newest(index, range(pinned.major, pinned.major + 1))
    reached = near.semver if near and near.semver and order(near.semver) > order(pinned) else pinned
    ours, beyond = fixes_between(pinned, reached), fixes_between(reached, top.semver)
    where, what = f"{hub.requirement_file}:{hub.requirement.line}", f"{hub.requirement.name} {hub.version}"
    date = known().date
    if ours:
        message = f"{what} lacks security fixes of {reached}: {', '.join(ours)} (known as of {date})"
        yield Problem(Code.SECURITY, where, message, f"{DOOR} bump --to {reached}", Severity.WARNING)
    if further := [fix for fix in beyond if fix not in ours]:
        message = f"{what} lacks security fixes of {top.version}, a newer major version: {', '.join(further)}"
        yield Problem(Code.SECURITY, where, f"{message} (known as of {date})", f"{DOOR} bump --major", Severity.WARNING)
    published = (top.created or "")[: len(date)]
    if published > date and order(top.semver) > order(pinned):
        message = f"whether {top.version}, of {published}, fixes vulnerabilities: known are those as of {date}"
        yield Unchecked(message, f"read {CHANGELOG}, or install a newer hubpress")


def built_on(image: HubImage, found: FoundImage) -> str | None:
    """Return the digest that the base image's tag had when ``found`` was built, by its label.

    It is None where that is not known, and where the Dockerfile pins the digest itself.
    """
    reference = image.base.reference
    named = f"{reference.host}/{reference.path}:{reference.tag}"
    labels = (one.labels for one in found.platforms.values() if one.labels.get(f"{LABEL}base.name") == named)
    digests = (one.get(f"{LABEL}base.digest") for one in labels if reference.digest is None)
    return next((digest for digest in digests if digest), None)
