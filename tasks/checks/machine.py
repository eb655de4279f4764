"""Whether this machine has what a release needs: checks that run in parallel, each with a timeout."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from ..core.faults import Denied, Fault, ProgramFailed, Unreachable
from ..core.names import Host, Reference, short_platform
from ..core.output import table
from ..repo.hub import Hub
from ..repo.pins import Lock
from ..repo.remotes import read_remotes
from ..tools.command import Command
from ..tools.docker import BUILD_NATIVELY, CLOUD_BUILD, machine_fault, require_builder, start_engine
from ..tools.forges import GITHUB, gh_login_command, read_remote
from ..tools.git import Git
from ..tools.logins import DockerLogins, ask_helper, is_google, sign_in_command
from ..tools.process import INSTALL_HINTS, NotInstalled, TooSlow, capture, find, map_parallel, require_installed
from ..tools.registry import inspect

CHECK_SECONDS = 15.0
_VERSION = r"(?<!\d)\d{1,9}(?:\.\d{1,9})+"
# A distribution's cosign may call its version ``devel``.
_COSIGN_VERSION = r"(?m)(?<=^GitVersion:).*$"


class MachineFinding(NamedTuple):
    """The result of a check: the program's version, or the fault and a hint; and whether a release needs it.

    ``version`` is None if the program is not installed, and the message for another fault.
    """

    name: str
    version: str | None
    hint: str | None = None
    needed: bool = True

    @property
    def is_fault(self) -> bool:
        """Whether it prevents a release."""
        return self.needed and self.hint is not None

    def report(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        ok = self.hint is None
        return {"name": self.name, "version": self.version, "ok": ok, "needed": self.needed, "hint": self.hint}


# A check: its name, what returns the program's version or another text, or raises the fault; and if it is needed.
_Check: TypeAlias = tuple[str, Callable[[], str], bool]


def examine(hub: Hub | None) -> list[MachineFinding]:
    """Check everything that a release of ``hub`` needs; without a hub, only the tools."""
    host = Host.here()
    argument = host.argument_for(hub.settings.platform if hub else "linux/amd64")
    found = map_parallel(_finding, [*_tool_checks(hub, argument), *(_hub_checks(hub) if hub else ())])
    platform = MachineFinding("platform", f"{host.title}: {f'--platform {argument}' if argument else 'native'}")
    # All images of a registry have the same fault.
    return [*dict.fromkeys(found), platform]


def text_of(findings: Sequence[MachineFinding]) -> str:
    """Return the findings for people: a row for each, then how to fix the faults."""
    rows: list[tuple[str, ...]] = []
    for one in findings:
        # `-` marks what a release does not need.
        mark = "ok" if one.hint is None else "FAULT" if one.needed else "-"
        words = filter(None, (one.version, one.hint if mark == "-" else None))
        rows.append((mark, one.name, "; ".join(words) or "-"))
    hints = dict.fromkeys(f"hint: {one.name}: {one.hint}" for one in findings if one.is_fault and one.hint)
    return "\n".join((table(rows), *hints))


def _finding(check: _Check) -> MachineFinding:
    name, ask, needed = check
    try:
        return MachineFinding(name, ask(), None, needed)
    except NotInstalled as fault:
        return MachineFinding(name, None, f"{fault.what}: {fault.hint}", needed)
    except Fault as fault:
        return MachineFinding(name, fault.what, fault.hint, needed)


def _tool_checks(hub: Hub | None, platforms: str | None) -> Iterator[_Check]:
    builder = hub.settings.builder if hub else None
    google = builder == CLOUD_BUILD or any(is_google(host) for host in (hub.registries if hub else ()))
    locked = hub is not None and any(isinstance(pin, Lock) for pin in hub.pins)
    signs = hub is not None and (hub.settings.sign or hub.settings.verify) is not None
    yield "git", partial(_version, "git", (2, 23)), True
    yield "docker", partial(_version, "docker", (20, 10)), True
    yield "buildx", partial(_version, "buildx", (0, 10), "docker", "buildx", "version"), True
    # Builders elsewhere need no engine here.
    yield "engine", _engine, builder is None
    if builder != CLOUD_BUILD:
        yield "builder", partial(_builder, builder, platforms), True
    yield "gcloud", partial(_version, "gcloud", (400, 0)), google
    yield "helm", partial(_version, "helm", (3, 0), "helm", "version", "--short"), locked
    yield "cosign", partial(_version, "cosign", (), "cosign", "version", pattern=_COSIGN_VERSION), signs
    yield "gh", partial(_version, "gh", (2, 0)), False


def _version(name: str, least: tuple[int, ...], *argv: str, pattern: str = _VERSION) -> str:
    """Return the version that ``argv``, by default ``NAME --version``, shows: at least ``least``."""
    output = capture(Command(argv or (name, "--version")), seconds=CHECK_SECONDS)
    found, install = re.search(pattern, output.text), INSTALL_HINTS[name]
    if not output.ok or not found:
        raise ProgramFailed("it tells no version" if output.ok else output.last_words, hint=install)
    version = found[0].strip()
    if least and tuple(map(int, version.split(".")[:2])) < least:
        raise ProgramFailed(version, hint=f"at least {'.'.join(map(str, least))} is needed: {install}")
    return version


def _engine() -> str:
    command = Command(("docker", "info", "--format", "{{.ServerVersion}}"))
    try:
        output = capture(command, seconds=CHECK_SECONDS)
    except TooSlow as fault:
        raise ProgramFailed(fault.what, hint=start_engine()) from fault
    if not output.ok or not output.text.strip():
        raise machine_fault(output.stderr) or ProgramFailed("the Docker engine does not answer", hint=start_engine())
    return output.text.strip()


def _builder(name: str | None, platforms: str | None) -> str:
    builder = require_builder(name, seconds=CHECK_SECONDS)
    wanted = [short_platform(one) for one in platforms.split(",")] if platforms and builder.runs else []
    if not {*wanted} <= {one for node in builder.runs for one in node}:
        raise ProgramFailed(f"{builder.title} cannot run {platforms}", hint=BUILD_NATIVELY)
    emulates = "" if all(map(builder.is_native, wanted)) else f", emulates {platforms}"
    return f"{builder.called or '?'} ({builder.driver or '?'}){emulates}"


def _hub_checks(hub: Hub) -> Iterator[_Check]:
    """Yield the checks of git's author and remotes (``--push``), gh's sign-in (``--pr``), and of the registries."""
    yield "author", hub.git.author, True
    remotes = read_remotes(hub.git, hub.settings)
    for remote in dict.fromkeys(filter(None, (remotes.push, remotes.upstream))):
        yield f"remote {remote}", partial(_remote, hub.git, remote), False
    upstream = read_remote(remotes.address(remotes.upstream or ""))
    if upstream and upstream.forge == GITHUB and find("gh"):
        yield f"sign-in {upstream.server}", partial(_gh_sign_in, upstream.server), False
    for image in hub.images:
        probe = Reference(image.spec.name, "hubpress-doctor")
        yield f"registry {probe.host}", partial(_registry, probe), True
    logins = DockerLogins.read()
    for host in hub.registries:
        if logins.helper_for(host) or (is_google(host) and logins.credentials(host) is None):
            yield f"sign-in {host}", partial(_sign_in, logins.helper_for(host), host), True


def _remote(git: Git, remote: str) -> str:
    try:
        git.ask_remote(git.command("ls-remote", "--", remote, "HEAD"), remote, CHECK_SECONDS)
    except Unreachable as fault:
        raise Unreachable(fault.what, hint=f"for --push: {fault.hint}") from fault
    return "answers"


def _gh_sign_in(server: str) -> str:
    if not capture(Command(("gh", "auth", "status", "--hostname", server)), seconds=CHECK_SECONDS).ok:
        raise Denied("gh is not signed in", hint=f"for --pr: {gh_login_command(server)}")
    return "gh is signed in"


def _registry(probe: Reference) -> str:
    inspect(probe)
    return f"answers for {probe.name}"


def _sign_in(helper: str | None, host: str) -> str:
    if helper is None:
        raise Denied("Docker has no credential helper for it", hint=sign_in_command(host))
    require_installed(f"docker-credential-{helper}")
    if ask_helper(helper, host) is None:
        raise Denied("Docker's helper returned no credentials", hint=sign_in_command(host))
    return "Docker's helper answers"
