"""What this machine has for a release: every look side by side, each within bounds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from ..core.faults import DOOR, Fault, ProgramFailed
from ..core.names import Host, Reference, platform_argument, short_platform
from ..core.output import table
from ..repo.hub import Hub
from ..repo.pins import Lock
from ..repo.remotes import read_remotes
from ..tools.command import Command, Output
from ..tools.docker import (
    BUILD_NATIVELY,
    CLOUD_BUILD,
    INSTALL_BUILDX,
    REMOTE_DRIVER,
    Builder,
    machine_fault,
    registry_fault,
    start_engine,
)
from ..tools.forges import GITHUB, read_remote
from ..tools.git import remote_fault
from ..tools.logins import DockerLogins, is_google
from ..tools.process import INSTALL_HINTS, Pool, TooSlow, answer_of, ask_all, capture, find, missing

LOOK_SECONDS = 15.0
_ENGINE, _BUILDER = "engine", "builder"
_VERSION = re.compile(r"(?<!\d)\d{1,9}(?:\.\d{1,9})+")


class MachineFinding(NamedTuple):
    """What one look found: the program's version or words, whether a release needs it here, how to fix it."""

    name: str
    version: str | None
    ok: bool
    needed: bool = True
    hint: str | None = None

    @property
    def is_fault(self) -> bool:
        """Whether a release could not run because of it."""
        return self.needed and not self.ok


class _Look(NamedTuple):
    """One question to an outside program, and how its answer is read."""

    name: str
    command: Command
    read: Callable[[str, Output], MachineFinding]
    needed: bool = True


def examine(hub: Hub | None) -> list[MachineFinding]:
    """Look at everything that a release of ``hub`` needs; without one, at the tools alone."""
    looks = [*_tool_looks(hub), *(_outside_looks(hub) if hub else ())]
    with Pool() as pool:
        asked = pool.submit(_sign_in_findings, hub)
        answers = ask_all(_ask, looks)
        signed_in = answer_of(asked)
    builder = next((output for finding, output in answers if finding.name == _BUILDER), None)
    # What is wrong with a registry is found for each of its images.
    found = dict.fromkeys(finding for finding, _ in answers)
    return [*found, *signed_in, *_platform_findings(hub, builder)]


def text_of(findings: Sequence[MachineFinding]) -> str:
    """Return what people read: a row for each finding, then how to fix the faults."""
    rows: list[tuple[str, ...]] = []
    for one in findings:
        # With - is marked what a release can do without.
        mark, words = "ok" if one.ok else "FAULT" if one.needed else "-", "" if one.is_fault else one.hint
        rows.append((mark, one.name, one.version or words or "-"))
    hints = dict.fromkeys(f"hint: {one.name}: {one.hint}" for one in findings if one.is_fault and one.hint)
    return "\n".join((table(rows), *hints))


def _ask(look: _Look) -> tuple[MachineFinding, Output | None]:
    try:
        output = capture(look.command, seconds=LOOK_SECONDS)
    except ProgramFailed as fault:
        hint = start_engine() if look.name == _ENGINE and isinstance(fault, TooSlow) else fault.hint
        what = f"{fault.what}: {hint}"
        return MachineFinding(look.name, None, ok=False, needed=look.needed, hint=what), None
    return look.read(look.name, output)._replace(needed=look.needed), output


def _tool_looks(hub: Hub | None) -> Iterator[_Look]:
    builder = hub.settings.builder if hub else None
    google = builder == CLOUD_BUILD or any(is_google(host) for host in (hub.registries if hub else ()))
    yield _Look("git", Command(("git", "--version")), partial(_at_least, (2, 23), "git"))
    yield _Look("docker", Command(("docker", "--version")), partial(_at_least, (20, 10), "docker"))
    yield _Look("buildx", Command(("docker", "buildx", "version")), partial(_at_least, (0, 10), INSTALL_BUILDX))
    # Who builds somewhere else needs no engine here.
    engine = Command(("docker", "info", "--format", "{{.ServerVersion}}"))
    yield _Look(_ENGINE, engine, _engine, needed=builder is None)
    if builder != CLOUD_BUILD:
        inspect = Command(("docker", "buildx", "inspect", *([builder] if builder else [])))
        yield _Look(_BUILDER, inspect, _builder)
    yield _Look("gcloud", Command(("gcloud", "--version")), partial(_at_least, (400, 0), "gcloud"), needed=google)
    locked = hub is not None and any(isinstance(pin, Lock) for pin in hub.pins)
    yield _Look("helm", Command(("helm", "version", "--short")), partial(_at_least, (3, 0), "helm"), needed=locked)
    signs = hub is not None and (hub.settings.sign or hub.settings.verify) is not None
    yield _Look("cosign", Command(("cosign", "version")), _cosign, needed=signs)
    yield _Look("gh", Command(("gh", "--version")), partial(_at_least, (2, 0), "gh"), needed=False)


def _outside_looks(hub: Hub) -> Iterator[_Look]:
    """Yield the registries; then, for ``--push`` and ``--pr``, the git remotes and gh's sign-in."""
    for image in hub.images:
        probe = Reference(image.spec.name, "hubpress-doctor")
        command = Command(("docker", "buildx", "imagetools", "inspect", str(probe)))
        yield _Look(f"registry {probe.host}", command, partial(_registry, probe))
    remotes = read_remotes(hub.git, hub.settings)
    for remote in dict.fromkeys(filter(None, (remotes.push, remotes.upstream))):
        command = hub.git.command("ls-remote", "--", remote, "HEAD")
        yield _Look(f"remote {remote}", command, partial(_remote, remote), needed=False)
    upstream = read_remote(remotes.address(remotes.upstream or ""))
    if upstream and upstream.forge == GITHUB and find("gh"):
        status = Command(("gh", "auth", "status", "--hostname", upstream.server))
        yield _Look(f"sign-in {upstream.server}", status, _gh_sign_in, needed=False)


def _at_least(wanted: tuple[int, int], install: str, name: str, output: Output) -> MachineFinding:
    hint = INSTALL_HINTS.get(install, install)
    found = _VERSION.search(output.text)
    if not output.ok or not found:
        return MachineFinding(name, output.last_words if not output.ok else None, ok=False, hint=hint)
    is_new = tuple(map(int, found[0].split(".")[:2])) >= wanted
    needs = f"at least {wanted[0]}.{wanted[1]} is needed: {hint}"
    return MachineFinding(name, found[0], ok=is_new, hint=None if is_new else needs)


def _cosign(name: str, output: Output) -> MachineFinding:
    """Read cosign's version, which a distribution's may call ``devel``."""
    version = _field(output, "GitVersion") if output.ok else None
    hint = None if version else INSTALL_HINTS[name]
    words = version if output.ok else output.last_words
    return MachineFinding(name, words, ok=version is not None, hint=hint)


def _engine(name: str, output: Output) -> MachineFinding:
    if output.ok and output.text.strip():
        return MachineFinding(name, output.text.strip(), ok=True)
    fault = machine_fault(output.stderr)
    return MachineFinding(name, fault.what if fault else None, ok=False, hint=fault.hint if fault else start_engine())


def _builder(name: str, output: Output) -> MachineFinding:
    builder = Builder.read(_field(output, "Name"), output.text)
    if not output.ok or builder.error:
        no_engine = machine_fault(f"{builder.error}\n{output.stderr}")
        hint = no_engine.hint if no_engine else "docker buildx ls; docker buildx use NAME"
        return MachineFinding(name, builder.error or output.last_words, ok=False, hint=hint)
    if builder.driver == REMOTE_DRIVER and not builder.runs:
        return MachineFinding(name, f"{builder.title} does not answer", ok=False, hint=builder.look)
    return MachineFinding(name, f"{builder.name or '?'} ({builder.driver or '?'})", ok=True)


def _remote(remote: str, name: str, output: Output) -> MachineFinding:
    if output.ok:
        return MachineFinding(name, "answers", ok=True)
    fault = remote_fault(output, remote)
    return MachineFinding(name, None, ok=False, hint=f"{fault.what}; for --push: {fault.hint}")


def _gh_sign_in(name: str, output: Output) -> MachineFinding:
    hint = None if output.ok else f"gh is not signed in; for --pr: gh auth login --hostname {name.split()[1]}"
    return MachineFinding(name, "gh is signed in" if output.ok else None, output.ok, hint=hint)


def _sign_in_findings(hub: Hub | None) -> list[MachineFinding]:
    logins, hosts, found = DockerLogins.read(), hub.registries if hub else (), []
    answering = logins.answering_hosts(hosts)
    for host in hosts:
        name, hint = f"sign-in {host}", f"{DOOR} auth" if is_google(host) else f"docker login {host}"
        if host in answering:
            found.append(MachineFinding(name, "Docker's helper answers", ok=True))
        elif helper := logins.helper_for(host):
            program = f"docker-credential-{helper}"
            fault = None if find(program) else missing(program)
            words = fault.what if fault else "Docker's helper returned no credentials"
            found.append(MachineFinding(name, words, ok=False, hint=fault.hint if fault else hint))
        elif is_google(host) and logins.credentials(host) is None:
            found.append(MachineFinding(name, "Docker has no credential helper for it", ok=False, hint=hint))
    return found


def _registry(probe: Reference, name: str, output: Output) -> MachineFinding:
    if output.ok or output.last_words.endswith(": not found"):
        return MachineFinding(name, f"answers for {probe.name}", ok=True)
    fault = registry_fault(output, probe.host)
    return MachineFinding(name, fault.what, ok=False, hint=fault.hint)


def _platform_findings(hub: Hub | None, inspection: Output | None) -> Iterator[MachineFinding]:
    host = Host.here()
    wanted = hub.settings.platform if hub else "linux/amd64"
    try:
        argument = platform_argument(host, wanted)
    except Fault as fault:
        yield MachineFinding("platform", fault.what, ok=False, hint=fault.hint)
        return
    row = f"{host.title}: {'native' if argument is None else f'--platform {argument}'}"
    yield MachineFinding("platform", row, ok=True)
    builder = Builder.read(None, inspection.text if inspection else "")
    if argument is None or not builder.runs:
        return
    platforms = [short_platform(one) for one in argument.split(",")]
    can, words = all(map(builder.can_run, platforms)), f"none, the builder is of {argument} itself"
    if not all(map(builder.is_native, platforms)):
        words = f"the builder {'emulates' if can else 'cannot run'} {argument}"
    yield MachineFinding("emulation", words, can, hint=None if can else BUILD_NATIVELY)


def _field(output: Output, name: str) -> str | None:
    """Return the value of the first line ``name: value``."""
    found = re.search(rf"(?m)^[ \t]*{name}[ \t]*:(.*)$", output.text)
    return found[1].strip() if found else None
