"""``auth``: sign in to Google Cloud, and let Docker push to the image's registry."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from invoke.tasks import task

from .core import output
from .core.faults import DOOR
from .core.plan import Action, Plan, Step, Values
from .core.session import JSON_HELP, REPO_HELP, HubTask

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from invoke.context import Context

    from .tools.command import Command
    from .tools.credentials import DockerLogins

HELP = {
    "key-file": "sign in with this service account's key or workload identity file, without a browser",
    "no-browser": "print the address to open instead of opening a browser",
    "adc": "make application default credentials too",
    "default-registries": "let Docker push to gcr.io's hosts too",
}


class AuthOptions(NamedTuple):
    """How to sign in.

    Attributes:
        key_file: a service account's key or a workload identity file; None for a person.
        browser: whether a browser may be opened.
        adc: whether application default credentials are wanted too.
        default_registries: whether Docker is to use gcloud for gcr.io's hosts too.
    """

    key_file: Path | None = None
    browser: bool = True
    adc: bool = False
    default_registries: bool = False


@task(klass=HubTask, auto_shortflags=False, help={**HELP, **REPO_HELP, **JSON_HELP})
def auth(
    c: Context,
    key_file: str | None = None,
    no_browser: bool = False,
    adc: bool = False,
    default_registries: bool = False,
    repo: str | None = None,
    json: bool = False,
) -> None:
    """Sign in, and let Docker push to the image's registry.

    Reads Docker's configuration and asks its credential helper. Runs gcloud
    only where that gives no answer, and nothing where the registry is not
    Google's. Writes gcloud's and Docker's own configuration, nothing here.

    Examples:
      auth                       a person, in a browser
      auth --no-browser          the same, over ssh
      auth --key-file FILE       a service account or workload identity, in CI

    Afterwards: bump.
    """
    from .repo.run import open_run

    options = AuthOptions(None if key_file is None else Path(key_file), not no_browser, adc, default_registries)
    with open_run(c, repo=repo, json=json) as run:
        run.carry_out(Plan((plan_auth(run.hub.registries, options),)))


def plan_auth(hosts: Sequence[str], options: AuthOptions) -> Step:
    """Plan the sign-in that the registries ``hosts`` need.

    Raises:
        Denied: somebody must sign in, and there is no terminal to do it on.
        ProgramFailed: gcloud is needed and missing.
        Unusable: the key file, or Docker's configuration, cannot be used.
    """
    from .tools.credentials import DockerLogins
    from .tools.google import is_google

    logins = DockerLogins.read()
    google = [host for host in hosts if is_google(host)]
    actions = [_foreign(logins, host) for host in hosts if host not in google]
    if google:
        actions += _google_actions(logins, google, options)
    return Step(
        "auth",
        tuple(actions),
        report=lambda _: {
            "auth": [{"host": host, "google": host in google, "helper": logins.helper_for(host)} for host in hosts]
        },
        summary=lambda _: [f"signed in for {', '.join(hosts)}"] if any(action.do for action in actions) else [],
        changes=False,
    )


def _foreign(logins: DockerLogins, host: str) -> Action:
    """Return what to say of a registry that is not Google's: Docker signs in to it, or nobody does."""
    helper = logins.helper_for(host)
    if helper:
        return Action(f"{host}: not Google's, Docker asks its helper {helper}")
    if logins.has_login(host):
        return Action(f"{host}: not Google's, Docker has a login for it")
    return Action(f"{host}: not Google's, and Docker has no login for it (where it wants one: docker login {host})")


def _google_actions(logins: DockerLogins, hosts: Sequence[str], options: AuthOptions) -> Iterator[Action]:
    from .tools import google
    from .tools.credentials import answering_hosts

    # Docker Desktop names a helper for every host, and it may know none.
    helpers = {host: helper for host in hosts if (helper := logins.helper_for(host))}
    with output.waiting(f"asking Docker's helper for {', '.join(hosts)}"):
        answering = answering_hosts(helpers)
    silent = [host for host in hosts if host not in answering]
    account = google.key_account(options.key_file) if options.key_file else None
    sign_in = _sign_in(logins, silent, options, account)
    yield sign_in
    # A host without a helper is answered for by Docker's store, which does not know the key.
    unset = [host for host in (hosts if options.key_file else silent) if host not in logins.helpers]
    if unset:
        yield _run_once(google.configure_command(*unset), f"Docker has no helper for {', '.join(unset)}")
    if options.key_file and (sign_in.do or unset):
        what = f"ask Docker's helper for {', '.join(hosts)}"
        yield Action(what, f"it must answer as {account or 'the workload'}", lambda _: _require_answers(hosts, account))
    elif options.key_file:
        _require_answers(hosts, account)
    if options.adc and not google.adc_file().is_file():
        yield _login_action(google.adc_command(browser=options.browser), "there are no application default credentials")
    if options.default_registries and "gcr.io" not in logins.helpers:
        yield _run_once(google.configure_command(), "it was asked for with --default-registries")


def _require_answers(hosts: Sequence[str], account: str | None) -> None:
    """Check that what Docker sends to each of ``hosts`` is a login of ``account``, after a key file was used."""
    from .core.faults import Denied
    from .tools import google
    from .tools.credentials import DockerLogins

    logins = DockerLogins.read()
    for host in hosts:
        found = logins.credentials(host)
        helper = f"docker-credential-{logins.helper_for(host) or google.HELPER}"
        if found is None:
            hint = f"see why: echo {host} | {helper} get"
            raise Denied(f"{helper} gives no credentials with the key file", where=host, hint=hint)
        theirs = google.account_of(found) or google.active_account()
        if account not in (None, theirs):
            raise Denied(
                f"{helper} answers for {theirs or 'nobody'}, not for {account}",
                where=host,
                hint="unset CLOUDSDK_CORE_ACCOUNT and CLOUDSDK_AUTH_ACCESS_TOKEN_FILE, or remove the host's entry "
                f"from {logins.file}; then run it again",
            )


def _sign_in(logins: DockerLogins, silent: Sequence[str], options: AuthOptions, key_account: str | None) -> Action:
    """Return the sign-in, or say that it is not needed.

    Where gcloud has no account, its helper is asked too: it also knows a token that stands in a variable, as in CI.
    """
    from .tools import google
    from .tools.credentials import ask_helper

    # The helpers that Docker asks, and that give no credentials (any more).
    expired = [logins.helpers[host] for host in silent if host in logins.helpers]
    if options.key_file is not None:
        return _sign_in_with(options.key_file, key_account, needed=bool(expired))
    if not silent:
        return Action("Docker's helper answers")
    account = google.active_account()
    if account is None and ask_helper(google.HELPER, silent[0]) is None:
        return _login_action(google.login_command(key_file=None, browser=options.browser), "nobody is signed in")
    if account is None:
        return Action("gcloud has a token that it was given")
    if not expired:
        return Action(f"signed in as {account}")
    why = f"Docker's helper {expired[0]} gives no credentials for {account} any more"
    return _login_action(google.login_command(key_file=None, browser=options.browser), why)


def _sign_in_with(key_file: Path, account: str | None, *, needed: bool) -> Action:
    from .tools import google

    if not needed and account is not None and account == google.active_account():
        return Action(f"signed in as {account}")
    return _run_once(google.login_command(key_file=key_file, browser=False), "a key file was given")


def _login_action(command: Command, why: str) -> Action:
    from .core.faults import Denied
    from .tools.google import run_login

    if not sys.stdin.isatty():
        raise Denied(
            f"{why}, and there is no terminal to sign in on",
            where="gcloud",
            hint=f"on a terminal: {command}; in CI: {DOOR} auth --key-file PATH",
        )
    return Action("sign in to Google Cloud", why, lambda _: run_login(command), (f"$ {command}",))


def _run_once(command: Command, why: str) -> Action:
    from .tools.process import find, missing, run_checked

    if find(command.argv[0]) is None:
        raise missing(command.argv[0])

    def do(_: Values) -> None:
        run_checked(command, hint=str(command))

    return Action(f"run {' '.join(command.argv[:3])}", why, do, (f"$ {command}",))
