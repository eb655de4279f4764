"""A rehearsal's stage: a folder with a throwaway clone, git remote and registry; a release there changes nothing else.

It is removed with everything that the rehearsal leaves elsewhere; after a killed rehearsal, by the next one.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from ..core import output
from ..core.faults import CLI, Fault, Refused, Unreachable, Unusable, hold_interrupts
from ..core.names import Reference, is_loopback
from ..core.options import RehearseOptions, ReleaseOptions
from ..core.plan import Plan
from ..core.safe_files import MARK, MarkedFolder, clear_away
from ..core.settings import CACHE_OFF, WholeImage
from ..image.build import is_stand_in
from ..image.inputs import outward_options
from ..releases.repository import HelmRepository
from ..repo.deployments import unmoved_images
from ..repo.hub import Hub, open_hub
from ..repo.pins import Lock
from ..repo.remotes import ORIGIN, NotKnownHere, Review, find_review
from ..repo.values import ValuesPlace
from ..review.branches import expected_start
from ..review.bump import plan_bump
from ..review.release import expected_release, plan_release
from ..tools import docker
from ..tools.command import TEMPORARY_FILES, Command, Reach, confined
from ..tools.git import Git
from ..tools.process import capture, find, run_checked
from ..tools.registry import inspect_all
from . import registry
from .clone import CLONE, make_clone
from .registry import LOOPBACK, name_at, push_stand_in

REGISTRY = "registry"
TEMPORARY, KEPT = "hubpress-rehearsal-", "hubpress-kept-"
# The charts that a rehearsal uses if the Helm repository does not answer.
CHARTS = Path(__file__).with_name("charts")
_BUILDER_VARIABLE = "BUILDX_BUILDER"
# The settings that reach beyond this machine, with their values in a rehearsal.
_OFF: Mapping[str, Any] = {"builder": None, "cache": CACHE_OFF, "attest": (), "sign": None}
_FAKES = "NOT INSTALLED: apt-get, pip and python3 in a stand-in do nothing, so what they would install is missing"


class Stage(NamedTuple):
    """The throwaway clone, remote and registry of a rehearsal.

    ``notes`` are about stand-ins, ``remarks`` about these and all other differences; ``real`` is where the release's
    branch would go.
    """

    folder: Path
    hub: Hub
    remote: Git
    address: str
    stand_ins: Mapping[Reference, Reference]
    notes: tuple[str, ...]
    remarks: tuple[str, ...]
    real: Review | None

    def plan(self, options: ReleaseOptions) -> Plan:
        """Plan the release in the clone."""
        review = find_review(self.hub.git, self.hub.settings, ask=True, push=True, request=options.pr)
        options = replace(options, builder=None, stand_ins=self.stand_ins, push=True, yes=False)
        plan, _ = plan_release(self.hub, options, review._replace(rehearses=self.real))
        return plan

    def report(self) -> dict[str, Any]:
        """Return the rehearsal's part of the JSON report."""
        diff = self._diff()
        return {"folder": str(self.folder), "registry": self.address, "stand_ins": list(self.notes), "diff": diff}

    def show(self) -> None:
        """Show what a reviewer would see: the commits in the throwaway remote, and their diff."""
        base, branch = self._branches()
        commits = self.remote.read("log", "--oneline", f"{base}..{branch}")
        output.data(f"\nCommits on {branch}, in the throwaway remote:\n{commits}\n")
        output.data(self._diff())
        output.data("\n".join(("\nNothing left this machine.", *self.remarks)))

    def _diff(self) -> str:
        return self.remote.read("diff", "--no-ext-diff", "--no-textconv", "...".join(self._branches()))

    def _branches(self) -> tuple[str, str]:
        default = str(self.hub.settings.base_branch)
        return default, self.hub.git.head().branch or default


@contextlib.contextmanager
def staged(hub: Hub, options: RehearseOptions) -> Iterator[Stage]:
    """Set the stage for a release of ``hub`` in a new folder; while the block runs, nothing else can be reached."""
    possible = require_possible(hub, options)
    with rehearsal_folder(keep=options.keep) as folder:
        try:
            with (
                registry.registry(folder / REGISTRY, port=port_of(folder)) as served,
                confined(Reach(folder, served.address, possible.engine)),
            ):
                # If the base branch is unknown, any name works: the throwaway remote gets it.
                base = possible.real.base if possible.real else hub.branch or "main"
                local, unused = _with_local_settings(possible.hub, served.address, base)
                remote = make_clone(local, folder, served.address, _places(possible.hub))
                clone = open_hub(local.settings, Git(folder / CLONE))
                moved = (image.base for image in plan_bump(clone, options)[1].images)
                bases = dict.fromkeys(one.reference for base in moved for one in (base, *base.others))
                stand_ins = {
                    base: push_stand_in(Reference(name_at(served.address, f"stand-in/{base.name}"), base.tag))
                    for base in bases
                    if options.stand_in_base or not _is_available(base)
                }
                made = "is not z2jh's image, it was made here for the rehearsal"
                notes = (*possible.notes, *(f"STAND-IN: {base} {made}" for base in stand_ins))
                remarks = (*notes, *unused, *possible.remarks, *((_FAKES,) if stand_ins else ()))
                yield Stage(folder, clone, remote, served.address, stand_ins, notes, remarks, possible.real)
        finally:
            if options.keep:
                output.say(_how_to_inspect(folder))


class Possible(NamedTuple):
    """What a stage needs: the engine, the hub with charts that can be read, and the notes and remarks for people."""

    engine: str
    hub: Hub
    notes: tuple[str, ...]
    remarks: tuple[str, ...]
    real: Review | None


def require_possible(hub: Hub, options: ReleaseOptions) -> Possible:
    """Check before setting the stage that the release exists, and that this machine can rehearse it."""
    engine = _require_local_engine(options.builder)
    hub, notes = _with_charts(hub)
    index = plan_bump(hub, options)[1].index
    begin = expected_start(hub, ask=False)
    _, fault = expected_release(begin, index, options)
    if isinstance(fault, Unusable):
        raise fault
    remarks = [f"NOT AS HERE: {remark}" for remark in begin.step.warnings()]
    # Branches and uncommitted changes stop only a real release: the stage takes the working tree as it is.
    if fault and not isinstance(fault, NotKnownHere):
        remarks.append(f"NOT YET: {CLI} release would be refused: {fault.text}; {fault.hint}")
    real = None if isinstance(begin.found, Fault) else begin.found
    return Possible(engine, hub, notes, tuple(remarks), real)


@contextlib.contextmanager
def rehearsal_folder(*, keep: bool) -> Iterator[Path]:
    """Create a rehearsal's folder, and clean up after the block and after killed rehearsals.

    Its name contains the port of the rehearsal's registry, which is in the names of everything left outside of it.
    """
    clear_up_after_killed_ones()
    place = MarkedFolder.make(f"{KEPT if keep else TEMPORARY}{registry.free_port()}_")
    before, tempfile.tempdir = tempfile.tempdir, str(place.path / TEMPORARY_FILES)
    try:
        (place.path / TEMPORARY_FILES).mkdir()
        yield place.path
    finally:
        tempfile.tempdir = before
        try:
            with hold_interrupts():
                _clear_up(place)
        except (Fault, OSError) as err:
            why = err.text if isinstance(err, Fault) else err
            output.say(f"warning: cannot remove all of the rehearsal: {why}; the next one tries again: {place.path}")
        os.close(place.lock)


def clear_up_after_killed_ones() -> None:
    """Clean up after the killed rehearsals of this user; what cannot be removed is left for the next time."""
    clear_away()
    for place in (one for prefix in (TEMPORARY, KEPT) for one in MarkedFolder.left_behind(prefix)):
        with hold_interrupts(), contextlib.suppress(Fault, OSError):
            _clear_up(place)


def port_of(folder: Path) -> int | None:
    """Return the port in the name of a rehearsal's folder, or None."""
    found = re.search(r"-(\d+)_", folder.name)
    return int(found[1]) if found else None


def _places(hub: Hub) -> list[ValuesPlace]:
    """Return the places in values files that name the hub images, or that a build would write."""
    unmoved = (ValuesPlace(one.file, one.path, key) for key, some in unmoved_images(hub).items() for one in some)
    return [*hub.places, *unmoved]


def _require_local_engine(builder: str | None) -> str:
    look = Command(("docker", "context", "inspect", "--format", "{{.Name}} {{.Endpoints.docker.Host}}"))
    name, _, address = run_checked(look, hint=docker.leave_context()).text.partition(" ")
    what = "a rehearsal builds on this machine's engine only"
    hint = "unset DOCKER_HOST DOCKER_CONTEXT; docker context use default"
    scheme, _, host = address.partition("://")
    if scheme not in {"unix", "npipe"} and not is_loopback(host.partition("/")[0]):
        named = "DOCKER_HOST" if os.environ.get("DOCKER_HOST") else f"context {name}"
        raise Refused(what, where=f"{named}: {address}", hint=hint)
    if builder not in {None, name}:
        raise Refused(what, where=f"--builder {builder}", hint="leave it out")
    builder_state = capture(Command(("docker", "buildx", "inspect", name)))
    if fault := docker.machine_fault(f"{builder_state.text}\n{builder_state.stderr}"):
        raise fault
    # A builder may have a context's name; buildx prefers it.
    driver = docker.Builder.read(name, builder_state.text).driver
    if driver and driver != docker.DOCKER_DRIVER:
        raise Refused(what, where=f"builder {name}: {driver}", hint=hint)
    return name


def _with_local_settings(hub: Hub, address: str, base: str) -> tuple[Hub, tuple[str, ...]]:
    """Return the hub with the base branch ``base``, without settings that reach beyond this machine, and a note.

    Images that chartpress.yaml does not list get names at the registry ``address``.
    """
    settings = hub.settings
    images: tuple[str | WholeImage, ...] = settings.images
    if not hub.layout.charts:
        images = tuple(
            WholeImage(one.context, name_at(address, one.named or one.key), one.dockerfile, one.values_paths, one.paths)
            for one in hub.layout.chart.images
        )
    here: dict[str, Any] = {"remote": ORIGIN, "upstream": None, "base_branch": base, "images": images}
    local = settings._replace(**_OFF, **here, verify=None)
    unused = {f"hub.{key}": getattr(settings, key) for key, off in _OFF.items() if getattr(settings, key) != off}
    unused[_BUILDER_VARIABLE] = os.environ.get(_BUILDER_VARIABLE)
    given = (image.extra_options for chart in hub.layout.charts for image in chart.images)
    unused["extraBuildCommandOptions"] = " ".join(some[at] for some in given for at in outward_options(some))
    shown = {name: ", ".join(value) if isinstance(value, tuple) else value for name, value in unused.items()}
    names = ", ".join(f"{name} {value}" for name, value in shown.items() if value)
    how = "a rehearsal builds on this machine's engine, without a shared cache, attestations or signatures"
    return replace(hub, settings=local), (f"NOT USED: {names}; {how}",) if names else ()


def _with_charts(hub: Hub) -> tuple[Hub, tuple[str, ...]]:
    address = hub.helm_repository
    try:
        HelmRepository.of(hub.settings, address).index()
    except Unreachable as fault:
        if any(isinstance(pin, Lock) for pin in hub.pins):
            raise  # helm has to ask it for the lock file
        note = f"STAND-IN: the charts come with hubpress, not from {address}: {fault.what}"
        return replace(hub, settings=hub.settings._replace(chart_repository=CHARTS.as_uri())), (note,)
    return hub, ()


def _is_available(base: Reference) -> bool:
    """Whether the base image's registry answers, or this machine's store has the image and not a stand-in."""
    if not isinstance(inspect_all([base])[base], Unreachable):
        return True
    found = docker.local(base)
    return found is not None and not is_stand_in(found)


def _how_to_inspect(folder: Path) -> str:
    port, clone = port_of(folder), folder / CLONE
    log = f"git -C {quote(str(clone))} log --patch {ORIGIN}/HEAD.."
    rows: list[tuple[str, ...]] = [("its commits", log)] if clone.is_dir() else []
    if port and (folder / REGISTRY).is_dir():
        rows.append(("its images", str(registry.serve_command(folder / REGISTRY, port))))
    rows.append(("remove it", f"rm -r {quote(str(folder))}"))
    return f"Kept: {folder}\n{output.table(rows, '  ')}"


def _clear_up(place: MarkedFolder) -> None:
    """Remove what the rehearsal left in the engine, then its folder; of a folder to keep, only the marker."""
    port = port_of(place.path)
    if port is not None and find("docker"):
        registry.remove_container(port)
        registry.forget_images(f"{LOOPBACK}:{port}")
    if place.path.name.startswith(KEPT):
        (place.path / MARK).unlink()
    else:
        place.remove()
