"""``auth``: sign in to Google Cloud, and let Docker push to the image's registry."""

from __future__ import annotations

from .core.options import AuthOptions
from .core.plan import Plan
from .run import Run, hub_task


@hub_task(AuthOptions)
def auth(run: Run, options: AuthOptions) -> None:
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

    run.carry_out(Plan((plan_auth(run.hub.registries, options),)))
