"""Registries that ask for a password, and what registries hold before a test."""

import base64
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import bcrypt

from tasks.rehearsal.registry import Registry, forget_images, registry
from tasks.rehearsal.stand_in import build_stand_in, remove_stand_in

from .cli import sh
from .sharing import alone

_CHEAPEST = 4


@contextmanager
def private_registry(folder: Path, users: Mapping[str, str], *, port: int | None = None) -> Iterator[Registry]:
    """Serve a registry from ``folder`` that lets in ``users`` (name to password) alone."""
    lines = (f"{name}:{_hashed(password)}\n" for name, password in users.items())
    with registry(folder, htpasswd="".join(lines), port=port) as served:
        yield served


def push_stand_in(reference: str) -> None:
    """Put a stand-in into the registry that ``reference`` names, and keep no local copy."""
    build_stand_in(reference)
    sh("docker", "push", "--quiet", reference, cwd=Path.cwd())
    remove_stand_in(reference)


def mirror_at(address: str) -> str:
    """Return the name that hub images have in the registry at ``address``, but for their tag."""
    return f"{address}/mirror/k8s-hub"


def push_mirror(address: str, tags: Iterable[str]) -> str:
    """Put stand-ins for the hub images of ``tags`` into the registry at ``address``, and return their name there."""
    mirror = mirror_at(address)
    for tag in tags:
        push_stand_in(f"{mirror}:{tag}")
    return mirror


def put_mirror(served: Registry, folder: Path, tags: Iterable[str]) -> str:
    """Do as :func:`push_mirror` with a copy of what is in ``folder``; whoever comes first makes that."""
    with alone(folder):
        if not (folder / "ready").exists():
            _make_mirror(folder, tags)
            (folder / "ready").touch()
    shutil.copytree(folder / "content", served.folder / "content", dirs_exist_ok=True)
    return mirror_at(served.address)


def _make_mirror(folder: Path, tags: Iterable[str]) -> None:
    with registry(folder) as made:
        try:
            push_mirror(made.address, tags)
        finally:
            forget_images(made.address)


def sign_in(address: str, user: str, password: str) -> None:
    """Let Docker sign in at ``address`` from now on, as ``docker login`` would, in the test's own Docker folder."""
    path = Path(os.environ["DOCKER_CONFIG"]) / "config.json"
    config = json.loads(path.read_text())
    secret = base64.b64encode(f"{user}:{password}".encode()).decode()
    config.setdefault("auths", {})[address] = {"auth": secret}
    path.write_text(json.dumps(config))


def _hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(_CHEAPEST)).decode()
