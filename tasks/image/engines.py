"""The engines that build: ``docker buildx bake``, chartpress, Google Cloud Build.

A new engine is a class like :class:`Buildx`, and an entry in :func:`engine_for`. ``require_fit`` checks that it is
installed, and supports the options and settings. ``shown`` returns the commands for the images of one commit, to be
pasted into a shell. ``build`` runs them, with the build context in ``scratch``, and returns the pushed digests that it
knows by the images' keys.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from shlex import quote
from typing import Any, TypeAlias

from ..core import output
from ..core.faults import CLI, ProgramFailed, Refused, Unusable, nearest
from ..core.names import Reference
from ..core.options import BuildOptions
from ..core.safe_files import temporary_folder
from ..core.settings import ATTESTATIONS, CACHE_INLINE, CACHE_OFF, CACHE_ON, CHARTPRESS
from ..core.visible import bake_literal, keep_secret
from ..core.yaml_tree import parse
from ..repo.charts import read_chartpress
from ..repo.dockerfile import with_images
from ..repo.files import FileEdit, WorkingTree, require
from ..repo.hub import Hub, HubImage
from ..repo.remotes import upstream_repository
from ..repo.values import with_scalars
from ..tools import docker
from ..tools.command import Command, current_folder
from ..tools.docker import BAKE_MAY_READ, CLOUD_BUILD, DOCKER_DRIVER, Builder
from ..tools.git import HEAD, Git
from ..tools.logins import DockerLogins, Expired, cloud_build_fault, google_project
from ..tools.process import require_installed, run_with_last_line
from ..tools.registry import inspect
from .build import LABEL, Build, ImageBuild, base_label, image_fact, label_of, pinned_images
from .inputs import INPUTS_LABEL, extra_fields, filled_in, inputs_hash, source_tree, sources_of, write_files
from .tag import COMMIT_TO_COME, name_image, names_commit
from .tree import AS_COMMITTED, Tree

BUILDX = "buildx"
# The folder of the build context.
CONTEXT = "context"
_CACHE_TAG = "buildcache"
# https://cloud.google.com/build/docs/cloud-builders; it brings buildx, whose builder there is the docker driver.
_STEP_IMAGE = "gcr.io/cloud-builders/docker"
_TIMEOUT = "3600s"
_DEFINITION, _CONFIG, _IGNORE = "bake.json", "cloudbuild.json", "ignore"


Engine: TypeAlias = "Buildx | Chartpress | CloudBuild"


def engine_for(hub: Hub, options: BuildOptions) -> Engine:
    """Return the engine for the options and settings, after checking that it supports them."""
    in_cloud = (options.builder or hub.settings.builder) == CLOUD_BUILD
    engines: dict[str, Engine] = {BUILDX: CloudBuild() if in_cloud else Buildx(), CHARTPRESS: Chartpress()}
    engine = engines.get(options.engine)
    if engine is None:
        hint = f"--engine {nearest(options.engine, engines) or ' or '.join(engines)}"
        raise Unusable(f"unknown engine {options.engine}", where="--engine", hint=hint)
    engine.require_fit(hub, options)
    return engine


def build_images(build: Build, engine: Engine) -> list[ImageBuild]:
    """Build and push the images, verify each in its registry, and return them."""
    built: list[ImageBuild] = []
    digests: dict[str, str] = {}
    with temporary_folder() as scratch:
        for index, part in enumerate(_named(build).parts):
            written = part.with_images(_written(part, scratch / str(index)))
            digests |= engine.build(written, scratch / str(index))
            built += written.images
    return [one.proved(inspect(one.reference), digests.get(one.key)) for one in built] if build.pushes else built


def _named(build: Build) -> Build:
    """Return the build with the tags of the commit, which was only planned before."""
    waiting = [one for one in build.to_build if one.name.commit == COMMIT_TO_COME]
    hub = build.hub.again()
    named = [one._replace(name=name_image(hub, one.image)) for one in waiting]
    for planned, one in zip(waiting, named, strict=True):
        if planned.name.tag.replace(COMMIT_TO_COME, one.name.commit) != one.name.tag:
            raise Refused(
                f"the tag is not the planned {planned.name.tag} any more: git's tags have changed since",
                where=one.reference,
                hint="run the same command again: it plans with the tags as they are now",
            )
        if build.pushes and not build.options.force:
            image_fact(one.reference).require(None)
    return replace(build, hub=hub).with_images(named)


def _written(part: Build, folder: Path) -> Iterator[ImageBuild]:
    """Write the build context of a part from git to ``folder``, and yield its images with their inputs."""
    hub, images = part.hub, [one.image for one in part.images]
    with source_tree(hub, images, part.images[0].name.revision) as tree:
        for one in part.images:
            inputs = inputs_hash(hub, one.image, tree, one.base.identity, one.platform, one.name)
            if one.inputs not in (None, inputs):
                raise Refused(
                    f"the files of {one.key} have changed since the plan was made",
                    where=one.reference,
                    hint="run the same command again: it plans with the files as they are now",
                )
            yield one._replace(inputs=inputs)
        write_files(hub, images, tree, folder / CONTEXT)


def _bake_definition(build: Build, *, shared: bool = True) -> str:
    """Return the bake definition of a part's images; without ``shared``, they do not use the shared cache."""
    images = enumerate(build.images)
    return definition({target_name(n, one.key): _target(build, one, shared=shared) for n, one in images})


def definition(targets: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the bake definition of ``targets``, given by name, as JSON."""
    whole = {"group": {"default": {"targets": list(targets)}}, "target": targets}
    # All of the text can be escaped: JSON's own syntax has no ``${`` and no ``%{``.
    return bake_literal(json.dumps(whole, indent=2, ensure_ascii=False))


def target_name(index: int, key: str) -> str:
    """Return a target's name: the image's key, or the characters of it that bake accepts, and a number.

    A key that ends with a number gets another one, so that all names differ.
    """
    plain = "".join(char if (char.isalnum() and char.isascii()) or char in "_-" else "-" for char in key)
    numbered = plain.rpartition("-")[2].isdecimal()
    return plain if plain == key and not numbered else f"{plain}-{index}"


class Buildx:
    """Builds with ``docker buildx bake``, from a definition on its standard input."""

    def require_fit(self, hub: Hub, options: BuildOptions) -> None:
        """Refuse extra build options that bake has no field for."""
        _require_fields(hub, options)

    def shown(self, part: Build) -> str:
        """Return the commands that write the context from git, and build."""
        below = f"/{part.hub.layout.root}" if part.hub.layout.root else ""
        bake_file = _bake_definition(part)
        bake = docker.bake_command(part.builder, bake_file, None, Path("metadata.json"))
        context = "\n".join(("context=$(mktemp -d)/context", *_shown_context(part, "$context")))
        return f'{context}\n(cd "$context{below}" && {bake}\n)'

    def build(self, part: Build, scratch: Path) -> dict[str, str]:
        """Build and push.

        This is repeated once without the shared cache if the cache fails, and once if the sign-in has expired during
        the build: Docker asks its helper again for every command.
        """
        folder, metadata = scratch / CONTEXT / part.hub.layout.root, scratch / "metadata.json"
        # A relative path: the absolute one may have bytes that docker's arguments cannot have.
        there = Path(os.path.relpath(metadata.resolve(), folder.resolve()))
        host, builder = part.images[0].reference.host, part.builder
        shared, is_again = part.hub.settings.cache != CACHE_OFF, False
        while True:
            bake = _bake_definition(part, shared=shared)
            try:
                docker.run_build(docker.bake_command(builder, bake, folder, there), host, builder, cached=shared)
                break
            except docker.CacheFailed as fault:
                output.say(f"{fault.what}; building once more without the shared cache")
                shared = False
            except Expired as fault:
                if is_again or not part.pushes or DockerLogins.read().credentials(str(fault.where)) is None:
                    raise
                output.say(f"{fault.what}; pushing once more with fresh credentials")
                # What is built by now is in the cache.
                is_again, part = True, replace(part, options=replace(part.options, no_cache=False))
        try:
            written = json.loads(metadata.read_text(encoding="utf-8"))
            targets = {one.key: target_name(index, one.key) for index, one in enumerate(part.images)}
            return {key: str(written[target]["containerimage.digest"]) for key, target in targets.items()}
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as err:
            raise ProgramFailed(
                f"bake did not say what it built: {type(err).__name__}",
                where=metadata.name,
                hint="docker buildx version: 0.13 or newer is needed",
            ) from err


def _shown_context(part: Build, folder: str) -> list[str]:
    """Return the commands that write the build context of a part to ``folder``."""
    top, first = part.hub.git.folder, part.images[0].name
    git = "git" if top == current_folder() else f"git -C {quote(str(top))}"
    listed = dict.fromkeys(path for one in part.images for path in sources_of(part.hub, one.image).built_from)
    paths = " ".join(map(quote, listed))
    add = [] if names_commit(part.hub.settings.tag) else [f"{git} add --all --ignore-errors -- {paths}"]
    return [
        f'export GIT_INDEX_FILE="{folder}.index"',
        f"{git} read-tree {first.commit if first.revision else HEAD}",
        *add,
        f"{git} ls-files -z -- {paths} |",
        f'  {git} {" ".join(AS_COMMITTED)} checkout-index -q -z --stdin --prefix="{folder}/"',
        "unset GIT_INDEX_FILE",
    ]


class Chartpress:
    """Builds with chartpress, the runbook's command.

    It runs in a throwaway clone, because it also rewrites Chart.yaml's version and the layout of values.yaml.
    """

    def require_fit(self, hub: Hub, options: BuildOptions) -> None:
        """Refuse what chartpress does not support: a choice of images, Cloud Build, no cache, other tags."""
        cannot = {
            f"--builder {CLOUD_BUILD}": (options.builder or hub.settings.builder) == CLOUD_BUILD,
            "--image": options.image,
            "--no-cache": options.no_cache,
            "--no-push": options.no_push or not hub.settings.push,
            f"hub.tag {hub.settings.tag}": hub.settings.tag != CHARTPRESS,
            f"hub.attest {', '.join(hub.settings.attest)}": bool(hub.settings.attest),
            "an image that chartpress.yaml does not name": not hub.layout.charts,
        }
        for name in (name for name, is_wanted in cannot.items() if is_wanted):
            raise Refused(f"chartpress does not know {name}", where="--engine", hint="leave out --engine chartpress")
        require_installed(CHARTPRESS)

    def shown(self, part: Build) -> str:
        """Return the command of the runbook."""
        return str(self._command(part))

    def build(self, part: Build, scratch: Path) -> dict[str, str]:
        """Build and push the images that chartpress finds outdated; it reports no digests."""
        # Build arguments may contain the branch and the abbreviated hash, so both must be the same.
        clone, abbreviation = scratch / "hub", part.hub.git.ask("config", "--get", "core.abbrev")
        flags = ["--config", f"core.abbrev={abbreviation.text}"] if abbreviation.ok else []
        # chartpress counts commits as this clone sees them.
        flags += ["--config", "remote.origin.fetch=+refs/replace/*:refs/replace/*"]
        source = (str(part.hub.git.folder), str(clone))
        Git(scratch).read("clone", "--quiet", "--origin=origin", "--shared", "--no-checkout", *flags, "--", *source)
        commit = Tree(part.hub.git, Git(clone).read("rev-parse", "HEAD"))
        for one in part.to_build:
            paths = sources_of(part.hub, one.image).all
            if commit.written_as(paths) != Tree(part.hub.git, str(one.name.revision)).written_as(paths):
                raise Refused(
                    "chartpress builds from the last commit, which has other files than the one that the tag names",
                    where=one.reference,
                    hint="leave out --engine chartpress",
                )
        commit.write(["."], clone)
        files, layout = WorkingTree(clone), part.hub.layout
        data = require(files, layout.file)
        after = with_own_secrets(data, layout.file, part.hub.git.folder / layout.root)
        files.replace([FileEdit(layout.file, data, after, "")])
        for image in part.hub.images if part.options.stand_ins else ():
            # Tags depend only on commits, so the stand-ins can be written to the file.
            path, data = image.dockerfile, require(files, image.dockerfile)
            after = with_images(data, part.options.stand_ins, path, image.spec.arguments)
            files.replace([FileEdit(path, data, after, "")])
        # So that git does not discover a repository inside the clone.
        named = {"GIT_DIR": str(clone / ".git"), "GIT_WORK_TREE": str(clone)}
        hidden = {**part.builder.held, **named}
        command = self._command(part)._replace(cwd=clone / layout.root, hidden_env=hidden)
        docker.run_build(command, part.to_build[0].reference.host, part.builder)
        return {}

    @staticmethod
    def _command(build: Build) -> Command:
        argument = build.to_build[0].argument
        platform = ("--builder", "docker-buildx", "--platform", argument) if argument else ()
        force = ("--force-build", "--force-push") if build.options.force else ()
        folder = build.hub.git.folder / build.hub.layout.root
        return Command((CHARTPRESS, "--push", *force, *platform), folder, env=build.builder.env)


class CloudBuild:
    """Builds with ``gcloud builds submit``, which uploads the context, waits, and shows the build's log.

    See https://cloud.google.com/build/docs/running-builds/submit-build-via-cli-api.
    """

    def require_fit(self, hub: Hub, options: BuildOptions) -> None:
        """Refuse what Cloud Build does not support: local images, attestations, and options without a bake field."""
        if options.no_push or not hub.settings.push:
            raise Refused(
                "Cloud Build has no image to leave here", where="--no-push", hint=f"leave out --builder {CLOUD_BUILD}"
            )
        if hub.settings.attest:
            raise docker.no_image_store("Cloud Build's builder", CLOUD_BUILD, "attest images", "hub.attest")
        _require_fields(hub, options)
        require_installed("gcloud")

    def shown(self, part: Build) -> str:
        """Return the commands that create the request in a folder, and submit it."""
        files = _request_files(part).items()
        sent = _submit_command(part, Path("$request")).argv
        lines = (
            "request=$(mktemp -d)",
            *_shown_context(part, f"$request/{CONTEXT}"),
            *(f"cat > \"$request/{name}\" <<'END'\n{text.rstrip()}\nEND" for name, text in files),
            " ".join(f'"{word}"' if "$" in word else quote(word) for word in sent),
        )
        return "\n".join(lines)

    def build(self, part: Build, scratch: Path) -> dict[str, str]:
        """Build and push; Cloud Build reports no digests, so the images are known by their labels."""
        for name, text in _request_files(part).items():
            (scratch / name).write_text(text, encoding="utf-8", errors="surrogateescape")
        done = run_with_last_line(_submit_command(part, scratch), "building on Cloud Build")
        if not done.ok:
            raise cloud_build_fault(done, google_project(part.images[0].reference))
        for one in part.images:
            found = inspect(one.reference)
            if found and label_of(found) != one.inputs:
                what = "the tag names another image than the one that was built"
                hint = f"find out who pushes this tag, then: {CLI} build --force"
                raise Refused(what, where=one.reference, hint=hint)
        return {}


def _require_fields(hub: Hub, options: BuildOptions) -> None:
    for image in hub.to_build(options.image):
        extra_fields(hub, image.spec, image.spec.extra_options)


def _request_files(part: Build) -> dict[str, str]:
    """Return the files of a request to Cloud Build by name, without the context."""
    step = {
        "name": _STEP_IMAGE,
        "args": ["buildx", "bake", "--file", f"/workspace/{_DEFINITION}"],
        "dir": f"{CONTEXT}/{part.hub.layout.root}".rstrip("/"),
        "env": [f"{variable}={value}" for variable, value in BAKE_MAY_READ.items()],
    }
    bake = _bake_definition(part)
    config = json.dumps({"steps": [step], "timeout": _TIMEOUT}, indent=2)
    # An explicit ignore file, because gcloud would otherwise use .gitignore, which may match committed files.
    return {_DEFINITION: bake, _CONFIG: config, _IGNORE: f".git\n/{_CONFIG}\n/{_IGNORE}\n"}


def _submit_command(part: Build, folder: Path) -> Command:
    files = (f"--config={folder / _CONFIG}", f"--ignore-file={folder / _IGNORE}")
    project = google_project(part.images[0].reference)
    flags = (*files, *((f"--project={project}",) if project else ()), "--quiet")
    return Command(("gcloud", "builds", "submit", str(folder), *flags))


def _target(build: Build, one: ImageBuild, *, shared: bool) -> dict[str, Any]:
    """Return the fields of an image's bake target; ``extraBuildCommandOptions`` win, like a command's last options.

    Paths are relative to the folder of chartpress.yaml.
    """
    spec, hub, base = one.image.spec, build.hub, one.base
    arguments, options = filled_in(hub, one.image, one.name)
    own = hub.git.folder / hub.layout.root
    extra = extra_fields(hub, spec, [with_own_file(option, own) for option in options])
    if not build.pushes:
        extra.pop("cache-to", None)
    cache = cache_fields(hub, one.image, build.builder, push=build.pushes) if shared else {}
    source = upstream_repository(hub.git, hub.settings)
    shown = {one.name.commit, one.name.tag, hub.branch}
    for name, value in chain(arguments.items(), *(extra.get(field, {}).items() for field in ("args", "labels"))):
        # The commit, the tag and the branch are shown elsewhere too.
        if value not in shown:
            keep_secret(name, value)
    labels = {
        f"{LABEL}version": one.name.tag,
        f"{LABEL}revision": one.name.revision,
        f"{LABEL}base.name": base_label(base.reference),
        f"{LABEL}base.digest": base.digest,
        INPUTS_LABEL: one.inputs,
        f"{LABEL}source": source.address if source else None,
    }
    # Pin the base image as looked up, whatever its tag becomes later.
    taken = {base.reference: base.pinned, **build.options.stand_ins}
    # Provenance is off by default: it turns the image into an index, which some registries cannot show.
    attested = [ATTESTATIONS[name] for name in (hub.settings.attest if build.pushes else ())]
    provenance = [] if any("provenance" in one for one in attested) else ["type=provenance,disabled=true"]
    # In bake, the Dockerfile is relative to the context.
    context, dockerfile = (posixpath.join("/", hub.layout.root, path) for path in (spec.context, spec.dockerfile))
    fields: dict[str, Any] = {
        "context": spec.context,
        "dockerfile": posixpath.relpath(dockerfile, context),
        "tags": [str(one.reference)],
        "args": arguments,
        "labels": {name: text for name, text in labels.items() if text},
        "contexts": {str(name): f"docker-image://{image}" for name, image in taken.items() if name != image},
        "platforms": one.argument.split(",") if one.argument else [],
        "no-cache": build.options.no_cache,
        "attest": [*provenance, *attested],
        "output": ["type=registry" if build.pushes else "type=docker"],
    }
    for name, value in {**cache, **extra}.items():
        fields[name] = {**fields[name], **value} if isinstance(value, dict) else value
    return {name: value for name, value in fields.items() if value}


def with_own_file(option: str, folder: Path) -> str:
    """Return a build option with the absolute path of its secret's file in ``folder``, because it is not committed."""
    found = re.search(r"(?:^|,|^--secret=)((?:src|source)=([^,]+))", option)
    if found is None or "id=" not in option or not (folder / found[2]).is_file():
        return option
    path = str(folder / found[2]).replace('"', '""')
    # A secret is a line of CSV, and the path may have a comma.
    return f'{option[: found.start(1)]}"src={path}"{option[found.end(1) :]}'


def with_own_secrets(data: bytes, file: str, folder: Path) -> bytes:
    """Return chartpress.yaml with each build option as :func:`with_own_file` has it."""
    new: dict[tuple[str, ...], str] = {
        ("charts", str(number), "images", image.key, "extraBuildCommandOptions", str(at)): own
        for number, chart in enumerate(read_chartpress(data, file))
        for image in chart.images
        for at, option in enumerate(image.extra_options)
        if (own := with_own_file(option, folder)) != option
    }
    return with_scalars(parse(data, file), new)


def cache_fields(hub: Hub, image: HubImage, builder: Builder, *, push: bool) -> dict[str, list[str]]:
    """Return the fields of a bake target that read ``image``'s shared cache, and write to it.

    An ``inline`` cache is in the images, and read from those that the values name. ``registry`` keeps the layers of all
    stages next to them, which the driver ``docker`` does not support (https://docs.docker.com/build/cache/backends/).
    """
    mode = hub.settings.cache
    if mode == CACHE_OFF:
        return {}
    if mode == CACHE_INLINE or (mode == CACHE_ON and builder.driver == DOCKER_DRIVER):
        sources, target = pinned_images(hub, image), "type=inline"
    else:
        kept = Reference(image.spec.name, _CACHE_TAG)
        sources, target = [kept], f"type=registry,ref={kept},mode=max,ignore-error=true"
    return {"cache-from": [f"type=registry,ref={source}" for source in sources], "cache-to": [target] if push else []}
