"""The options of a run: a record for each task, with a field for each flag."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from invoke.parser import Argument

from .names import Reference


def flag(explained: str, placeholder: str = "VALUE", *, default: Any = None) -> Any:  # noqa: ANN401 - a field's
    """Declare a field that the flag of its name sets; ``placeholder`` stands for the value in the help.

    The default gives the kind: False for a switch, ``()`` for a repeatable flag, else a string.
    """
    return field(default=default, metadata={"explained": explained, "placeholder": placeholder})


class Flag(Argument):
    """The command-line flag of a field."""

    def __init__(self, declared: Field[Any]) -> None:
        about, default = declared.metadata, declared.default
        self.placeholder: str = about["placeholder"]
        kind = list if default == () else bool if default is False else str
        super().__init__(declared.name, kind=kind, default=[] if kind is list else default, help=about["explained"])


def flags_of(record: Any) -> Iterator[Flag]:  # noqa: ANN401 - a data class
    """Yield the flags of a record, in the order of its fields."""
    yield from (Flag(one) for one in fields(record) if one.metadata)


def read_options(record: Any, given: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a data class, and one of it
    """Return a ``record`` with the values ``given`` for its flags."""
    values = ((str(one.name), given.get(str(one.name), one.default)) for one in flags_of(record))
    return record(**{name: tuple(value) if isinstance(value, list) else value for name, value in values})


@dataclass(frozen=True)
class CommonOptions:
    """The flags of every task."""

    repo: str | None = flag("the hub repository (default: that of the current folder)", "PATH")
    json: bool = flag("print one JSON object on standard output, and nothing else", default=False)


@dataclass(frozen=True)
class AuthOptions:
    """How to sign in: as a person, or with a ``key_file``."""

    key_file: str | None = flag("sign in with this key or workload identity file, without a browser", "PATH")
    no_browser: bool = flag("print the address to open instead of opening a browser", default=False)
    adc: bool = flag("also create application default credentials", default=False)
    default_registries: bool = flag("also let Docker push to the hosts of gcr.io", default=False)


@dataclass(frozen=True)
class BumpOptions:
    """The release to move to: exactly ``to``, else the newest that the other flags allow."""

    to: str | None = flag("exactly this release; may be an older one, or any version in the index", "VERSION")
    pre: bool = flag("also consider alpha, beta and release candidates", default=False)
    dev: bool = flag("also consider development builds", default=False)
    major: bool = flag("also consider newer major versions", default=False)


@dataclass(frozen=True)
class BuildOptions:
    """How to build; in a rehearsal, ``stand_ins`` replace base images."""

    image: tuple[str, ...] = flag(
        "build this image, by its key in chartpress.yaml; repeatable (default: all that inherit from k8s-hub)",
        "NAME",
        default=(),
    )
    no_push: bool = flag("build the image into the engine's local store; leave the values as they are", default=False)
    force: bool = flag("build and push even if the tag exists", default=False)
    platform: str | None = flag("build for this platform (default: hub.platform)", "PLATFORM")
    builder: str | None = flag(
        "build on this buildx builder (default: hub.builder, else Docker's current builder)", "NAME"
    )
    no_cache: bool = flag("do not use the build cache", default=False)
    engine: str = flag("buildx or chartpress (default: buildx)", "ENGINE", default="buildx")
    stand_ins: Mapping[Reference, Reference] = field(default_factory=dict)


@dataclass(frozen=True)
class CommitOptions:
    """How to commit."""

    message: str | None = flag("use this message (default: what moved)", "TEXT")
    branch: str | None = flag(
        "commit on this branch; created if missing (default: hub.branch, on the default branch)", "NAME"
    )
    push: bool = flag("push the branch to the remote", default=False)
    pr: bool = flag(
        "push, and open or update the pull request (GitHub with gh; elsewhere it prints the address)",
        default=False,
    )

    @property
    def pushes(self) -> bool:
        """Whether to push the branch; a pull request needs that too."""
        return self.push or self.pr


@dataclass(frozen=True)
class ReleaseOptions(CommitOptions, BuildOptions, BumpOptions):
    """How to release; ``yes`` skips the question."""

    yes: bool = flag("do not ask for confirmation", default=False)


@dataclass(frozen=True)
class RehearseOptions(ReleaseOptions):
    """How to rehearse a release; a rehearsal always pushes, to its own remote, and never asks."""

    keep: bool = flag("keep the temporary folder, and print how to look at it", default=False)
    stand_in_base: bool = flag(
        "use a marked stand-in for the base image even if the real one is available", default=False
    )


@dataclass(frozen=True)
class PreviewOptions(BumpOptions):
    """The release to preview, the deployments, and the cluster's Kubernetes version."""

    deployment: tuple[str, ...] = flag(
        "preview only this deployment, or those of this hubploy folder or cluster; repeatable",
        "NAME",
        default=(),
    )
    kube_version: str | None = flag("the cluster's Kubernetes version (default: hub.kubernetes)", "VERSION")


@dataclass(frozen=True)
class CheckOptions:
    """How to check a repository."""

    offline: bool = flag("use only files and git, for pre-commit", default=False)


@dataclass(frozen=True)
class InitOptions:
    """How to set up a repository."""

    prefix: str | None = flag(
        "the registry and path of the image, HOST/PATH/ (default: ghcr.io/OWNER/ for a remote on GitHub)", "PREFIX"
    )
    docs: str | None = flag(
        "also write a page for your team's documentation to this file or folder of the repository", "PATH"
    )
