"""What this machine has for a release: every look side by side, each within bounds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from ..core.faults import Fault, ProgramFailed
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
    start_engine,
)
from ..tools.forges import GITHUB, read_remote
from ..tools.git import remote_fault
from ..tools.logins import DockerLogins, is_google, sign_in_command
from ..tools.process import INSTALL_HINTS, Pool, TooSlow, answer_of, ask_all, capture, find, missing
from ..tools.registry import inspect_all

LOOK_SECONDS = 15.0
_ENGINE, _BUILDER = "engine", "builder"
_VERSION = re.compile(r"(?<!\d)\d{1,9}(?:\.\d{1,9})+")


# The program's version or other words, and how to fix what is wrong with it.
Answer: TypeAlias = "tuple[str | None, str | None]"


class MachineFinding(NamedTuple):
    """What one look found: the program's version or words, how to fix it, whether a release needs it here."""

    name: str
    version: str | None
    hint: str | None = None
    needed: bool = True

    @property
    def is_fault(self) -> bool:
        """Whether a release could not run because of it."""
        return self.needed and self.hint is not None

    def report(self) -> dict[str, Any]:
        """Return its part of the JSON report."""
        ok = self.hint is None
        return {"name": self.name, "version": self.version, "ok": ok, "needed": self.needed, "hint": self.hint}


class _Look(NamedTuple):
    """One question to an outside program, and how its answer is read."""

    name: str
    command: Command
    read: Callable[[Output], Answer]
    needed: bool = True


def examine(hub: Hub | None) -> list[MachineFinding]:
    """Look at everything that a release of ``hub`` needs; without one, only at the tools."""
    looks = [*_tool_looks(hub), *(_remote_looks(hub) if hub else ())]
    with Pool() as pool:
        asked = [pool.submit(question, hub) for question in (_registry_findings, _sign_in_findings)]
        answers = ask_all(_ask, looks)
        registries, sign_ins = map(answer_of, asked)
    builder = next((output for finding, output in answers if finding.name == _BUILDER), None)
    found = (finding for finding, _ in answers)
    return [*found, *registries, *sign_ins, *_platform_findings(hub, builder)]


def text_of(findings: Sequence[MachineFinding]) -> str:
    """Return what people read: a row for each finding, then how to fix the faults."""
    rows: list[tuple[str, ...]] = []
    for one in findings:
        # With - is marked what a release can do without.
        mark, words = "ok" if one.hint is None else "FAULT" if one.needed else "-", "" if one.is_fault else one.hint
        rows.append((mark, one.name, one.version or words or "-"))
    hints = dict.fromkeys(f"hint: {one.name}: {one.hint}" for one in findings if one.is_fault and one.hint)
    return "\n".join((table(rows), *hints))


def _ask(look: _Look) -> tuple[MachineFinding, Output | None]:
    try:
        output = capture(look.command, seconds=LOOK_SECONDS)
    except ProgramFailed as fault:
        hint = start_engine() if look.name == _ENGINE and isinstance(fault, TooSlow) else fault.hint
        return MachineFinding(look.name, None, f"{fault.what}: {hint}", look.needed), None
    return MachineFinding(look.name, *look.read(output), look.needed), output


def _tool_looks(hub: Hub | None) -> Iterator[_Look]:
    builder = hub.settings.builder if hub else None
    google = builder == CLOUD_BUILD or any(is_google(host) for host in (hub.registries if hub else ()))
    locked = hub is not None and any(isinstance(pin, Lock) for pin in hub.pins)
    signs = hub is not None and (hub.settings.sign or hub.settings.verify) is not None
    yield _version_look("git", (2, 23))
    yield _version_look("docker", (20, 10))
    yield _version_look("buildx", (0, 10), ("docker", "buildx", "version"))
    # Who builds somewhere else needs no engine here.
    engine = Command(("docker", "info", "--format", "{{.ServerVersion}}"))
    yield _Look(_ENGINE, engine, _engine, needed=builder is None)
    if builder != CLOUD_BUILD:
        inspect = Command(("docker", "buildx", "inspect", *([builder] if builder else [])))
        yield _Look(_BUILDER, inspect, _builder)
    yield _version_look("gcloud", (400, 0), needed=google)
    yield _version_look("helm", (3, 0), ("helm", "version", "--short"), needed=locked)
    yield _Look("cosign", Command(("cosign", "version")), _cosign, needed=signs)
    yield _version_look("gh", (2, 0), needed=False)


def _version_look(name: str, wanted: tuple[int, int], argv: tuple[str, ...] = (), *, needed: bool = True) -> _Look:
    install = INSTALL_HINTS.get(name, INSTALL_BUILDX)
    return _Look(name, Command(argv or (name, "--version")), partial(_at_least, wanted, install), needed)


def _remote_looks(hub: Hub) -> Iterator[_Look]:
    """Yield the git remotes, for ``--push``, and gh's sign-in, for ``--pr``."""
    remotes = read_remotes(hub.git, hub.settings)
    for remote in dict.fromkeys(filter(None, (remotes.push, remotes.upstream))):
        command = hub.git.command("ls-remote", "--", remote, "HEAD")
        yield _Look(f"remote {remote}", command, partial(_remote, remote), needed=False)
    upstream = read_remote(remotes.address(remotes.upstream or ""))
    if upstream and upstream.forge == GITHUB and find("gh"):
        status = Command(("gh", "auth", "status", "--hostname", upstream.server))
        yield _Look(f"sign-in {upstream.server}", status, partial(_gh_sign_in, upstream.server), needed=False)


def _at_least(wanted: tuple[int, int], install: str, output: Output) -> Answer:
    found = _VERSION.search(output.text)
    if not output.ok or not found:
        return None if output.ok else output.last_words, install
    is_new = tuple(map(int, found[0].split(".")[:2])) >= wanted
    return found[0], None if is_new else f"at least {wanted[0]}.{wanted[1]} is needed: {install}"


def _cosign(output: Output) -> Answer:
    """Read cosign's version, which a distribution's may call ``devel``."""
    words = _field(output, "GitVersion") if output.ok else output.last_words
    return words, None if output.ok and words else INSTALL_HINTS["cosign"]


def _engine(output: Output) -> Answer:
    if output.ok and output.text.strip():
        return output.text.strip(), None
    fault = machine_fault(output.stderr)
    return (fault.what, fault.hint) if fault else (None, start_engine())


def _builder(output: Output) -> Answer:
    builder = Builder.read(_field(output, "Name"), output.text)
    if not output.ok or builder.error:
        no_engine = machine_fault(f"{builder.error}\n{output.stderr}")
        hint = no_engine.hint if no_engine else "docker buildx ls; docker buildx use NAME"
        return builder.error or output.last_words, hint
    if builder.driver == REMOTE_DRIVER and not builder.runs:
        return f"{builder.title} does not answer", builder.look
    return f"{builder.name or '?'} ({builder.driver or '?'})", None


def _remote(remote: str, output: Output) -> Answer:
    if output.ok:
        return "answers", None
    fault = remote_fault(output, remote)
    return None, f"{fault.what}; for --push: {fault.hint}"


def _gh_sign_in(server: str, output: Output) -> Answer:
    if output.ok:
        return "gh is signed in", None
    return None, f"gh is not signed in; for --pr: gh auth login --hostname {server}"


def _registry_findings(hub: Hub | None) -> list[MachineFinding]:
    """Return whether the images' registries answer; what is wrong with one is the same for all of its images."""
    probes = [Reference(image.spec.name, "hubpress-doctor") for image in (hub.images if hub else ())]
    found = []
    for probe, answer in inspect_all(probes).items():
        fault = answer if isinstance(answer, Fault) else None
        words = fault.what if fault else f"answers for {probe.name}"
        found.append(MachineFinding(f"registry {probe.host}", words, fault.hint if fault else None))
    return [*dict.fromkeys(found)]


def _sign_in_findings(hub: Hub | None) -> list[MachineFinding]:
    logins, hosts, found = DockerLogins.read(), hub.registries if hub else (), []
    answering = logins.answering_hosts(hosts)
    for host in hosts:
        name, hint = f"sign-in {host}", sign_in_command(host)
        if host in answering:
            found.append(MachineFinding(name, "Docker's helper answers"))
        elif helper := logins.helper_for(host):
            program = f"docker-credential-{helper}"
            fault = None if find(program) else missing(program)
            words = fault.what if fault else "Docker's helper returned no credentials"
            found.append(MachineFinding(name, words, fault.hint if fault else hint))
        elif is_google(host) and logins.credentials(host) is None:
            found.append(MachineFinding(name, "Docker has no credential helper for it", hint))
    return found


def _platform_findings(hub: Hub | None, inspection: Output | None) -> Iterator[MachineFinding]:
    host = Host.here()
    wanted = hub.settings.platform if hub else "linux/amd64"
    argument = platform_argument(host, wanted)
    row = f"{host.title}: {'native' if argument is None else f'--platform {argument}'}"
    yield MachineFinding("platform", row)
    builder = Builder.read(None, inspection.text if inspection else "")
    if argument is None or not builder.runs:
        return
    platforms = [short_platform(one) for one in argument.split(",")]
    can, words = all(map(builder.can_run, platforms)), f"none, the builder is of {argument} itself"
    if not all(map(builder.is_native, platforms)):
        words = f"the builder {'emulates' if can else 'cannot run'} {argument}"
    yield MachineFinding("emulation", words, None if can else BUILD_NATIVELY)


def _field(output: Output, name: str) -> str | None:
    """Return the value of the first line ``name: value``."""
    found = re.search(rf"(?m)^[ \t]*{name}[ \t]*:(.*)$", output.text)
    return found[1].strip() if found else None
