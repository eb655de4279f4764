"""Registries of the tests: what they ask for, what they hold, and how Docker signs in to them."""

import base64
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import urllib3

from tasks.core.names import Reference
from tasks.rehearsal.registry import Registry, forget_images, push_stand_in, registry

from .gcloud import configure_docker
from .helm import RELEASES
from .processes import alone

_MIRROR = "mirror/k8s-hub"


@contextmanager
def private_registry(folder: Path, users: Mapping[str, str]) -> Iterator[Registry]:
    """Serve a registry from ``folder`` that lets in ``users`` (name to password) alone."""
    cheapest = bcrypt.gensalt(4)
    lines = (f"{name}:{bcrypt.hashpw(word.encode(), cheapest).decode()}\n" for name, word in users.items())
    folder.mkdir(parents=True, exist_ok=True)
    passwords = folder / "htpasswd"
    passwords.write_text("".join(lines), encoding="utf-8")
    auth = {"htpasswd": {"realm": "hubpress", "path": str(passwords.resolve())}}
    with registry(folder, auth=auth) as served:
        yield served


def put_mirror(served: Registry, folder: Path) -> str:
    """Put stand-ins for z2jh's hub images into a registry, and return their name there, but for the tag.

    They are a copy of what is in ``folder``; whoever comes first makes that.
    """
    with alone(folder):
        if not (folder / "ready").exists():
            with registry(folder) as made:
                try:
                    for release in RELEASES:
                        push_stand_in(Reference(f"{made.address}/{_MIRROR}", release.hub_tag))
                finally:
                    forget_images(made.address)
            (folder / "ready").touch()
    shutil.copytree(folder / "content", served.folder / "content", dirs_exist_ok=True)
    return f"{served.address}/{_MIRROR}"


def sign_in(address: str, user: str, password: str) -> None:
    """Let Docker sign in at ``address`` from now on, as ``docker login`` would, in the test's own Docker folder."""
    configure_docker({"auths": {address: {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}}})


def use_helper(host: str, helper: str) -> None:
    """Let Docker ask ``docker-credential-HELPER`` for the registry ``host``."""
    configure_docker({"credHelpers": {host: helper}})


# -- images put into a registry by hand: manifests and indexes of any make, as other builders push them


MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
ATTESTATION = {"architecture": "unknown", "os": "unknown"}
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


def layer_digest(layer: str) -> str:
    """Return the digest of the layer that ``layer`` stands for: its bytes are that text."""
    return f"sha256:{hashlib.sha256(layer.encode()).hexdigest()}"


@dataclass(frozen=True)
class Repository:
    """A repository in a registry on this machine."""

    address: str
    path: str

    def push(self, tag: str, platform: str, layers: str, *, media_type: str = MANIFEST) -> dict[str, Any]:
        """Push an image with one layer for each letter of ``layers``."""
        system, architecture, *variant = platform.split("/")
        runs_on = {"os": system, "architecture": architecture, **({"variant": variant[0]} if variant else {})}
        digests = [layer_digest(layer) for layer in layers]
        config = {**runs_on, "config": {}, "rootfs": {"type": "layers", "diff_ids": digests}}
        manifest = {
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": {"mediaType": _CONFIG, **self._blob(json.dumps(config).encode())},
            "layers": [{"mediaType": _LAYER, **self._blob(layer.encode())} for layer in layers],
        }
        return {"mediaType": media_type, **self._manifest(tag, manifest), "platform": runs_on}

    def push_index(self, tag: str, *entries: dict[str, Any], media_type: str = INDEX) -> str:
        """Push an index of ``entries`` and return its digest."""
        index = {"schemaVersion": 2, "mediaType": media_type, "manifests": list(entries)}
        return str(self._manifest(tag, index)["digest"])

    def _manifest(self, tag: str, manifest: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(manifest).encode()
        self._send("PUT", f"manifests/{tag}", body, str(manifest["mediaType"]))
        return _described(body)

    def _blob(self, body: bytes) -> dict[str, Any]:
        described = _described(body)
        place = self._send("POST", "blobs/uploads/").partition("/uploads/")[2]
        mark = "&" if "?" in place else "?"
        self._send("PUT", f"blobs/uploads/{place}{mark}digest={described['digest']}", body)
        return described

    def _send(self, method: str, path: str, body: bytes = b"", media_type: str = "application/octet-stream") -> str:
        address = f"http://{self.address}/v2/{self.path}/{path}"
        answer = urllib3.request(method, address, body=body, headers={"Content-Type": media_type})
        assert answer.status in {201, 202}, f"{method} {path}: {answer.status} {answer.data!r}"
        return answer.headers.get("Location", "")


def _described(body: bytes) -> dict[str, Any]:
    return {"digest": f"sha256:{hashlib.sha256(body).hexdigest()}", "size": len(body)}
