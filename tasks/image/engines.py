"""The engines that build: ``docker buildx bake``, chartpress, Google Cloud Build.

chartpress runs in a throwaway clone of the last commit, so that what it rewrites besides the image's name and tag
(Chart.yaml's version, the layout of values.yaml) never reaches the hub repository. Its files are written out of git as
any build context is.

``gcloud builds submit`` uploads the last commit with the definition beside it, waits, and shows what the build says
(https://cloud.google.com/build/docs/running-builds/submit-build-via-cli-api).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from ..core import output
from ..core.faults import Denied, Fault, ProgramFailed, Refused, Unreachable
from ..core.names import Reference
from ..core.settings import CACHE_OFF, CHARTPRESS
from ..repo.hub import Hub
from ..tools import docker
from ..tools.command import Command, Output
from ..tools.credentials import DockerLogins
from ..tools.docker import BAKE_MAY_READ, CLOUD_BUILD
from ..tools.git import UNSET, Git
from ..tools.google import EXPIRED, is_google
from ..tools.process import NO_BOUND, find, missing, watch
from .build import CONTEXT, Build, bake_definition, inputs_of
from .definition import BuildOptions, target_name
from .tree import Tree


class Buildx:
    """Builds with ``docker buildx bake``, from a definition on its standard input."""

    def shown(self, build: Build) -> str:
        """Return the commands as one could paste them: the contexts written out of git, then the build."""
        bake = str(self.command(build, None, Path("metadata.json")))
        below = f"/{build.hub.root}" if build.hub.root else ""
        return "\n".join(
            ("context=$(mktemp -d)", *build.shown_contexts("$context"), f'(cd "$context{below}" && {bake}\n)')
        )

    def command(
        self, build: Build, folder: Path | None, metadata: Path, *, again: bool = False, shared: bool = True
    ) -> Command:
        """Return the command.

        Args:
            build: what is built.
            folder: where it runs: the folder of chartpress.yaml, as the contexts are written.
            metadata: the file that says what was built.
            again: whether it only pushes what was built a moment ago; then nothing is run anew.
            shared: whether the shared build cache is used, where the settings want one.
        """
        return docker.bake_command(build.builder, bake_definition(build, again=again, shared=shared), folder, metadata)

    def build(self, build: Build, scratch: Path) -> dict[str, str]:
        """Build and push; return each image's digest by its key.

        Raises:
            Denied: a registry denied access.
            Unreachable: a registry gave no answer.
            ProgramFailed: the build failed.
        """
        metadata = scratch / "metadata.json"
        _build(build, partial(self.command, build, build.write_contexts(scratch), metadata))
        keys = [job.image.spec.key for job in build.to_build]
        targets = [target_name(index, key) for index, key in enumerate(keys)]
        return dict(zip(keys, pushed_digests(metadata, targets), strict=True))


def _build(build: Build, command: Callable[..., Command]) -> None:
    """Build and push; without the shared cache where that is what fails."""
    try:
        _push(build, command, cached=build.hub.settings.cache != CACHE_OFF)
    except docker.CacheFailed as fault:
        output.say(f"{fault.what}; building once more without the shared cache")
        _push(build, partial(command, shared=False), cached=False)


def _push(build: Build, command: Callable[..., Command], *, cached: bool) -> None:
    """Build and push; a push that is denied as expired is tried once more, from the cache, with fresh credentials.

    A token may run out while the image is built: Docker asks its helper again for every command.
    """
    host, builder = build.to_build[0].reference.host, build.builder
    try:
        docker.run_build(command(), host, builder, cached=cached)
    except Denied as fault:
        if not (build.pushes and re.search(EXPIRED, fault.what)) or DockerLogins.read().credentials(host) is None:
            raise
        output.say(f"{fault.what}; pushing once more with fresh credentials")
        docker.run_build(command(again=True), host, builder, cached=cached)


def pushed_digests(metadata: Path, targets: Sequence[str]) -> list[str]:
    """Return the digests of ``targets``, in their order, from the file that bake wrote.

    Raises:
        ProgramFailed: the file is missing, or has not all of them.
    """
    try:
        written = json.loads(metadata.read_text(encoding="utf-8"))
        return [str(written[name]["containerimage.digest"]) for name in targets]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as err:
        raise ProgramFailed(
            f"bake did not say what it built: {type(err).__name__}",
            where=metadata.name,
            hint="docker buildx version: 0.13 or newer is needed",
        ) from err


class Chartpress(NamedTuple):
    """Builds with chartpress.

    Attributes:
        force: whether images are built and pushed over what is there.
    """

    force: bool

    @classmethod
    def fit_for(cls, hub: Hub, wish: BuildOptions) -> Chartpress:
        """Return the engine, after checking that it can do what is wished for.

        Raises:
            Refused: chartpress cannot choose among images, run without Docker's cache, or use another tag.
            ProgramFailed: chartpress is not installed.
        """
        cannot = {
            f"--builder {CLOUD_BUILD}": (wish.builder or hub.settings.builder) == CLOUD_BUILD,
            "--image": wish.images,
            "--no-cache": wish.no_cache,
            "--no-push": not (wish.push and hub.settings.push),
            f"hub.tag {hub.settings.tag}": hub.settings.tag != CHARTPRESS,
        }
        asked = [name for name, wanted in cannot.items() if wanted]
        if asked:
            raise Refused(
                f"chartpress does not know {asked[0]}", where="--engine", hint="leave out --engine chartpress"
            )
        if find(CHARTPRESS) is None:
            raise missing(CHARTPRESS)
        return cls(wish.force)

    def shown(self, build: Build) -> str:
        """Return the runbook's command as one could paste it."""
        return str(self.command(build))

    def command(self, build: Build) -> Command:
        """Return the runbook's command: the plain one on a PC, the one with builder and platform on a Mac."""
        argument = build.to_build[0].argument
        platform = ("--builder", "docker-buildx", "--platform", argument) if argument else ()
        force = ("--force-build", "--force-push") if self.force else ()
        folder = build.hub.git.folder / build.hub.root
        return Command((CHARTPRESS, "--push", *force, *platform), folder, env=build.builder.env, unset=UNSET)

    def build(self, build: Build, scratch: Path) -> dict[str, str]:
        """Build and push what chartpress finds to be built; it says no digests.

        Raises:
            Refused: the last commit has other files for an image than the commit that its tag names.
            Denied: the registry denied access.
            Unreachable: the registry gave no answer.
            ProgramFailed: chartpress failed.
        """
        build.write_contexts(scratch)
        clone = _clone(build.hub, scratch / "hub")
        commit = Tree(build.hub.git, Git(clone).read("rev-parse", "HEAD"))
        for job in build.to_build:
            if job.inputs != inputs_of(build.hub, job, commit):
                raise Refused(
                    "chartpress builds from the last commit, which has other files than the one that the tag names",
                    where=job.reference,
                    hint="leave out --engine chartpress",
                )
        commit.write(["."], clone)
        # Named, so that no folder inside is taken for a repository of its own.
        named = {"GIT_DIR": str(clone / ".git"), "GIT_WORK_TREE": str(clone)}
        command = self.command(build)._replace(cwd=clone / build.hub.root, hidden_env=named)
        docker.run_build(command, build.to_build[0].reference.host, build.builder)
        return {}


def _clone(hub: Hub, folder: Path) -> Path:
    """Clone the repository into ``folder``, on a branch of the same name: build arguments may hold it."""
    outside = Git(folder.parent)
    outside.read("clone", "--quiet", "--shared", "--no-checkout", "--", str(hub.git.folder), str(folder))
    clone = Git(folder)
    abbreviation = hub.git.ask("config", "--get", "core.abbrev")
    if abbreviation.ok:
        clone.read("config", "core.abbrev", abbreviation.text)
    return folder


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
