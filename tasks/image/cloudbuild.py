"""Builds on Google Cloud Build: the same bake definition, where nobody has a machine of the cluster's platform.

``gcloud builds submit`` uploads the last commit with the definition beside it, waits, and shows what the build says
(https://cloud.google.com/build/docs/running-builds/submit-build-via-cli-api).
"""

from __future__ import annotations

import json
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, NamedTuple

from ..faults import Denied, Fault, ProgramFailed, Refused, Unreachable
from ..tools.builder import CLOUD_BUILD
from ..tools.command import Command, Output
from ..tools.docker import BAKE_MAY_READ
from ..tools.gcloud import is_google
from ..tools.run import NO_BOUND, find, missing, watch
from .building import CONTEXT
from .targets import bake_definition

if TYPE_CHECKING:
    from ..hubrepo.layout import Hub
    from .building import Build
    from .definition import BuildOptions
    from .reference import Reference

# https://cloud.google.com/build/docs/cloud-builders; it brings buildx, whose builder there is the docker driver.
_STEP_IMAGE = "gcr.io/cloud-builders/docker"
_TIMEOUT = "3600s"
_DEFINITION = "bake.json"
_UPLOAD, _CONFIG, _IGNORE = "upload", "cloudbuild.json", "ignore"
_CANNOT_STREAM = ("only stream logs", "unable to stream logs")
_SIGN_IN = ("active account", "reauth", "gcloud auth login", "invalid_grant", "unauthenticated", "authentication cred")
_DENIED = ("permission_denied", "permission denied", "error 403", "[403]", "forbidden", "does not have")
_NO_ANSWER = ("failed to connect", "max retries exceeded", "timed out", "unavailable", "communicationerror")


class CloudBuildRequest(NamedTuple):
    """What Cloud Build is asked.

    Attributes:
        config: the build: its steps, and how long it may take.
        definition: the bake definition that its step builds.
        project: the project that builds; None for gcloud's own choice.
    """

    config: dict[str, Any]
    definition: str
    project: str | None

    def files(self) -> dict[str, str]:
        """Return the files that it is made of, the contexts aside, by their paths below one folder.

        The list of what is not uploaded is given, so that a ``.gitignore`` hides no file that is committed.
        """
        config = json.dumps(self.config, indent=2)
        return {f"{_UPLOAD}/{_DEFINITION}": self.definition, _CONFIG: config, _IGNORE: ".git\n"}

    def command(self, folder: Path) -> Command:
        """Return the command that sends it, where it lies in ``folder``."""
        files = (f"--config={folder / _CONFIG}", f"--ignore-file={folder / _IGNORE}")
        project = (f"--project={self.project}",) if self.project else ()
        return Command(("gcloud", "builds", "submit", str(folder / _UPLOAD), *files, *project, "--quiet"))


class CloudBuild:
    """Builds with ``gcloud builds submit``."""

    @classmethod
    def fit_for(cls, hub: Hub, wish: BuildOptions) -> CloudBuild:
        """Return the engine, after checking that it can do what is wished for.

        Raises:
            Refused: an image is wanted on this machine, where Cloud Build puts none.
            ProgramFailed: gcloud is not installed.
        """
        if not (wish.push and hub.settings.push):
            raise Refused(
                "Cloud Build has no image to leave here", where="--no-push", hint=f"leave out --builder {CLOUD_BUILD}"
            )
        if find("gcloud") is None:
            raise missing("gcloud")
        return cls()

    def shown(self, build: Build) -> str:
        """Return what one could paste: the request's files, made in the folder that ``$request`` names, and sent."""
        request, folder = request_for(build), Path("$request")
        written = (f"cat > \"{folder / path}\" <<'END'\n{text.rstrip()}\nEND" for path, text in request.files().items())
        contexts = build.shown_contexts(str(folder / _UPLOAD / CONTEXT))
        sent = " ".join(f'"{word}"' if "$" in word else quote(word) for word in request.command(folder).argv)
        return "\n".join(("request=$(mktemp -d)", f'mkdir "{folder / _UPLOAD}"', *contexts, *written, sent))

    def build(self, build: Build, scratch: Path) -> dict[str, str]:
        """Build and push; the digests are asked of the registry afterwards.

        Raises:
            Denied: nobody is signed in, or Google denied access.
            Unreachable: no answer came.
            ProgramFailed: gcloud, or the build itself, failed.
        """
        (scratch / _UPLOAD).mkdir()
        build.write_contexts(scratch / _UPLOAD)
        request = request_for(build)
        for path, text in request.files().items():
            (scratch / path).write_text(text, encoding="utf-8")
        output = watch(request.command(scratch), seconds=NO_BOUND)
        if not output.ok:
            raise _fault(output, request.project)
        return {}


def request_for(build: Build) -> CloudBuildRequest:
    """Return what Cloud Build is asked for ``build``."""
    bake = ["buildx", "bake", "--file", f"/workspace/{_DEFINITION}"]
    folder = f"{CONTEXT}/{build.hub.root}".rstrip("/")
    variables = [f"{name}={value}" for name, value in BAKE_MAY_READ.items()]
    step = {"name": _STEP_IMAGE, "args": bake, "dir": folder, "env": variables}
    config = {"steps": [step], "timeout": _TIMEOUT}
    return CloudBuildRequest(config, bake_definition(build), _project(build.to_build[0].reference))


def _project(image: Reference) -> str | None:
    """Return the project that a registry of Google's belongs to; None for gcloud's own choice.

    Both ``LOCATION-docker.pkg.dev/PROJECT/...`` and ``gcr.io/PROJECT/...`` name it first.
    """
    return image.path.partition("/")[0] if is_google(image.host) else None


def _fault(output: Output, project: str | None) -> Fault:
    """Return the fault for how gcloud ended, by its last ``ERROR:`` line."""
    lines = [line.partition("ERROR: ")[2] for line in output.stderr.splitlines() if line.startswith("ERROR: ")]
    words = lines[-1] if lines else output.last_words
    said, where = words.lower(), f"project {project}" if project else "gcloud builds submit"
    at = f" --project={project}" if project else ""
    if "completed with status" in said:
        hint = f"its log above says why; again: gcloud builds list --limit=1{at}"
        return ProgramFailed(f"the build failed on Cloud Build: {words}", where=where, hint=hint)
    if _has(said, _CANNOT_STREAM):
        hint = f"wait for it: gcloud builds list --ongoing{at}; then run the same command again, it finds the image"
        return ProgramFailed(f"the build goes on, and gcloud cannot tell how: {words}", where=where, hint=hint)
    if _has(said, _SIGN_IN):
        return Denied(f"nobody is signed in: {words}", where=where, hint="gcloud auth login")
    if _has(said, _DENIED):
        hint = f"gcloud auth list; the account needs the role cloudbuild.builds.editor: gcloud builds list{at}"
        return Denied(f"Cloud Build denied it: {words}", where=where, hint=hint)
    if _has(said, _NO_ANSWER):
        return Unreachable(f"Cloud Build does not answer: {words}", where=where, hint=f"gcloud builds list{at}")
    return ProgramFailed(words, where=where, hint="gcloud's own output above says more")


def _has(said: str, signs: tuple[str, ...]) -> bool:
    return any(sign in said for sign in signs)
