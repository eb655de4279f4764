"""What the user asked a task for: its flags, as its planner takes them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .names import Reference


class BumpOptions(NamedTuple):
    """Which release the user wants: exactly ``to``, else the newest that the others allow."""

    to: str | None = None
    pre: bool = False
    dev: bool = False
    major: bool = False


class CommitOptions(NamedTuple):
    """Which commit the user wants; ``request`` is for a pull request, which pushes the branch too."""

    message: str | None = None
    branch: str | None = None
    push: bool = False
    request: bool = False


class BuildOptions(NamedTuple):
    """Options of a build.

    Attributes:
        images: the images' keys; empty for all that inherit from z2jh's hub image.
        force: whether a tag that exists is built and pushed again.
        platform: the platform in place of the setting's.
        builder: the buildx builder in place of the setting's.
        engine: the engine's name: ``buildx`` or ``chartpress``.
        stand_ins: the base images that a rehearsal's stand-ins are taken for, whatever their registries have.
    """

    images: tuple[str, ...] = ()
    push: bool = True
    force: bool = False
    platform: str | None = None
    builder: str | None = None
    no_cache: bool = False
    engine: str = "buildx"
    stand_ins: tuple[Reference, ...] = ()


class ReleaseOptions(NamedTuple):
    """What is wanted of a release; ``agreed`` is whether it goes on without asking."""

    bump: BumpOptions
    build: BuildOptions
    commit: CommitOptions
    agreed: bool = False


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
