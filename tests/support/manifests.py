"""Images put into a registry by hand: manifests and indexes of any make, as other builders push them."""

import hashlib
import http.client
import json
from dataclasses import dataclass
from typing import Any

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
        connection = http.client.HTTPConnection(self.address, timeout=10)
        try:
            connection.request(method, f"/v2/{self.path}/{path}", body, {"Content-Type": media_type})
            answer = connection.getresponse()
            said = answer.read().decode()
            assert answer.status in {201, 202}, f"{method} {path}: {answer.status} {said}"
            return answer.headers.get("Location") or ""
        finally:
            connection.close()


def _described(body: bytes) -> dict[str, Any]:
    return {"digest": f"sha256:{hashlib.sha256(body).hexdigest()}", "size": len(body)}
