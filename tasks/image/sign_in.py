"""Plan the sign-in to the images' registries: gcloud's sign-in, and Docker's use of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..core import output
from ..core.faults import CLI, Denied, Refused
from ..core.options import AuthOptions
from ..core.plan import Action, Step, Values
from ..core.safe_files import expand_home
from ..tools.command import Command
from ..tools.logins import HELPER, DockerLogins, account_of, active_account, ask_helper, is_google, key_account
from ..tools.process import map_parallel, require_installed, run_checked, run_interactive

# Makes gcloud Docker's credential helper for the given hosts, by default for those of gcr.io.
_CONFIGURE = ("gcloud", "auth", "configure-docker")
# The variable with the credentials file that Google's libraries use first.
_DEFAULTS = "GOOGLE_APPLICATION_CREDENTIALS"


def plan_auth(hosts: Sequence[str], options: AuthOptions) -> Step:
    """Plan the sign-in to the registries ``hosts``."""
    logins = DockerLogins.read()
    google = [host for host in hosts if is_google(host)]
    if options.key_file and not google:
        raise Refused(
            "a key file signs in to Google, where none of the registries is",
            where=", ".join(hosts),
            hint=f"docker login {hosts[0]}",
        )
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
    helper = logins.helper_for(host)
    if helper:
        return Action(f"{host}: not Google's, Docker asks its helper {helper}")
    if logins.credentials(host):
        return Action(f"{host}: not Google's, Docker has a login for it")
    return Action(f"{host}: not Google's, Docker has no login for it (if it needs one: docker login {host})")


def _google_actions(logins: DockerLogins, hosts: Sequence[str], options: AuthOptions) -> Iterator[Action]:
    with output.waiting(f"asking Docker's helper for {', '.join(hosts)}"):
        answers = map_parallel(lambda host: ask_helper(logins.helper_for(host), host), hosts)
    silent = [host for host, answer in zip(hosts, answers, strict=True) if answer is None]
    account = key_account(Path(options.key_file)) if options.key_file else None
    sign_in = _sign_in(logins, silent, options, account)
    yield sign_in
    # Docker asks its default store for a host without a helper, and that does not have the key.
    unset = [host for host in (hosts if options.key_file else silent) if host not in logins.helpers]
    if unset:
        yield _run_once((*_CONFIGURE, ",".join(unset), "--quiet"), f"Docker has no helper for {', '.join(unset)}")
    if options.key_file and (sign_in.do or unset):
        what = f"ask Docker's helper for {', '.join(hosts)}"
        yield Action(what, f"it must answer as {account or 'the workload'}", lambda _: _require_answers(hosts, account))
    elif options.key_file:
        _require_answers(hosts, account)
    named, folder = os.environ.get(_DEFAULTS), os.environ.get("CLOUDSDK_CONFIG") or expand_home("~/.config/gcloud")
    if options.adc and named and not Path(named).is_file():
        hint = f"unset {_DEFAULTS}, then run the same command again"
        raise Refused(f"{_DEFAULTS} names no file, and counts before all others", where=named, hint=hint)
    if options.adc and not named and not Path(folder, "application_default_credentials.json").is_file():
        yield _login_action(options, "there are no application default credentials", "application-default")
    if options.default_registries and "gcr.io" not in logins.helpers:
        yield _run_once((*_CONFIGURE, "--quiet"), "of --default-registries")


def _require_answers(hosts: Sequence[str], account: str | None) -> None:
    logins = DockerLogins.read()
    for host in hosts:
        name = logins.helper_for(host) or HELPER
        found, helper = ask_helper(name, host), f"docker-credential-{name}"
        if found is None:
            hint = f"see why: echo {host} | {helper} get"
            raise Denied(f"{helper} returned no credentials for the key file", where=host, hint=hint)
        theirs = account_of(found.user, found.secret) or active_account()
        if account not in (None, theirs):
            raise Denied(
                f"{helper} answers for {theirs or 'no account'}, not for {account}",
                where=host,
                hint="unset CLOUDSDK_CORE_ACCOUNT and CLOUDSDK_AUTH_ACCESS_TOKEN_FILE, or remove the host's entry "
                f"from {logins.file}; then run it again",
            )


def _sign_in(logins: DockerLogins, silent: Sequence[str], options: AuthOptions, key_account: str | None) -> Action:
    """Return the sign-in if it is needed; without an account, gcloud's helper may still have a token, as in CI."""
    # Docker's helpers that no longer return credentials.
    expired = [logins.helpers[host] for host in silent if host in logins.helpers]
    for name in expired:
        require_installed(f"docker-credential-{name}")
    if options.key_file is not None:
        argv = ("gcloud", "auth", "login", f"--cred-file={options.key_file}", "--quiet")
        is_signed_in = not expired and key_account is not None and key_account == active_account()
        return Action(f"signed in as {key_account}") if is_signed_in else _run_once(argv, "a key file was given")
    if not silent:
        return Action("Docker's helper answers")
    account = active_account()
    if account is None and ask_helper(HELPER, silent[0]) is None:
        return _login_action(options, "not signed in")
    if account is None:
        return Action("gcloud has a token that it was given")
    if not expired:
        return Action(f"signed in as {account}")
    return _login_action(options, f"Docker's helper {expired[0]} gives no credentials for {account} any more")


def _login_action(options: AuthOptions, why: str, *kind: str) -> Action:
    command = Command(("gcloud", "auth", *kind, "login", *(["--no-launch-browser"] if options.no_browser else [])))

    def do(_: Values) -> None:
        if run_interactive(command):
            raise Denied("signing in to Google Cloud failed", where="gcloud", hint=str(command))

    action = Action("sign in to Google Cloud", why, do, (f"$ {command}",))
    if sys.stdin.isatty():
        return action
    why = f"{why}, and there is no terminal to sign in on"
    in_ci = f"export {_DEFAULTS}=KEY-FILE" if kind else f"{CLI} auth --key-file PATH"
    hint = f"on a terminal: {command}; in CI: {in_ci}"
    return action._replace(why=why, do=None, refusal=Denied(why, where="gcloud", hint=hint))


def _run_once(argv: tuple[str, ...], why: str) -> Action:
    command = Command(argv)
    require_installed(argv[0])

    def do(_: Values) -> None:
        run_checked(command)

    return Action(f"run {' '.join(argv[:3])}", why, do, (f"$ {command}",))
