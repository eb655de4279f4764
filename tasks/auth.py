"""``auth``: sign in to Google Cloud, and let Docker push to the image's registry."""

from __future__ import annotations

from pathlib import Path

from invoke.context import Context
from invoke.tasks import task

from .core.plan import Plan
from .core.session import JSON_HELP, REPO_HELP, HubTask
from .core.settings import AuthOptions
from .run import open_run

HELP = {
    "key-file": "sign in with this key or workload identity file, without a browser",
    "no-browser": "print the address to open instead of opening a browser",
    "adc": "also create application default credentials",
    "default-registries": "also let Docker push to the hosts of gcr.io",
}


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
    only if that has no answer and the registry is Google's. Writes only the
    configuration of gcloud and Docker.

    Examples:
      auth                       sign in with a browser
      auth --no-browser          sign in over ssh
      auth --key-file FILE       use a service account or workload identity

    Afterwards: bump.
    """
    from .image.sign_in import plan_auth

    options = AuthOptions(None if key_file is None else Path(key_file), not no_browser, adc, default_registries)
    with open_run(c, repo=repo, json=json) as run:
        run.carry_out(Plan((plan_auth(run.hub.registries, options),)))
