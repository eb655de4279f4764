from __future__ import annotations

import hashlib
import io
import tarfile
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

from .lab.helm import RELEASES, HelmServer, chart_archive
from .lab.real import real_index

if TYPE_CHECKING:
    from pathlib import Path


def entries(index: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(index)["entries"]["jupyterhub"]
    return found


def fetch(server: HelmServer, name: str) -> bytes:
    with urllib.request.urlopen(server.url + name, timeout=5) as answer:  # noqa: S310 - loopback
        found: bytes = answer.read()
        return found


def test_the_index_names_each_archive_with_its_digest(helm_repository: HelmServer) -> None:
    for entry in entries(fetch(helm_repository, "index.yaml").decode()):
        assert hashlib.sha256(fetch(helm_repository, entry["urls"][0])).hexdigest() == entry["digest"]


def test_a_release_has_its_hub_image_in_the_index_and_in_the_archive(chart_folder: Path) -> None:
    yaml = YAML(typ="safe", pure=True)
    for release, entry in zip(RELEASES, entries((chart_folder / "index.yaml").read_text()), strict=True):
        images = yaml.load(entry.get("annotations", {}).get("artifacthub.io/images", "[]"))
        annotated = [image["image"] for image in images if image["name"] == "k8s-hub"]
        with tarfile.open(fileobj=io.BytesIO(chart_archive(release))) as archive:
            member = archive.extractfile("jupyterhub/values.yaml")
            assert member is not None
            image = yaml.load(member)["hub"]["image"]
        assert annotated == ([release.hub_image] if release.annotated else [])
        assert f"{image['name']}:{image['tag']}" == release.hub_image


def test_a_build_of_main_has_another_image_tag_than_version() -> None:
    differing = [release.version for release in RELEASES if not release.hub_image.endswith(f":{release.version}")]
    assert differing == ["5.0.0-0.dev.git.7340.h48ea50e3", "4.3.3-0.dev.git.7272.h2ff70453"]


def test_the_index_has_the_shape_of_the_real_one(chart_folder: Path) -> None:
    """Same keys in the same order, at the same indent: what cutting an index relies on."""
    real = real_index().decode().partition("\n  jupyterhub:\n")[2]
    ours = (chart_folder / "index.yaml").read_text().partition("\n  jupyterhub:\n")[2]
    known = keys_of_first_entry(real)
    assert [key for key in known if key in keys_of_first_entry(ours)] == keys_of_first_entry(ours)


def keys_of_first_entry(text: str) -> list[str]:
    first = text.partition("\n  - ")[0]
    keyed = [line for line in first.splitlines() if line[:4] in {"  - ", "    "} and line[4] not in " -"]
    return [line[:4] + line[4:].partition(":")[0] for line in keyed]


def test_the_server_tells_what_it_was_asked_and_fails_when_told_to(helm_repository: HelmServer) -> None:
    helm_repository.answers["/index.yaml"] = (503, b"later")
    with pytest.raises(urllib.error.HTTPError, match="503") as error:
        fetch(helm_repository, "index.yaml")
    error.value.close()
    del helm_repository.answers["/index.yaml"]
    fetch(helm_repository, "index.yaml")
    assert helm_repository.requests == ["GET /index.yaml 503", "GET /index.yaml 200"]


def test_a_client_that_has_the_index_is_told_so(helm_repository: HelmServer) -> None:
    with urllib.request.urlopen(f"{helm_repository.url}index.yaml", timeout=5) as answer:  # noqa: S310 - loopback
        seen = answer.headers["Last-Modified"]
    request = urllib.request.Request(f"{helm_repository.url}index.yaml", headers={"If-Modified-Since": seen})  # noqa: S310 - loopback
    with pytest.raises(urllib.error.HTTPError, match="304") as error:
        urllib.request.urlopen(request, timeout=5)  # noqa: S310 - loopback
    error.value.close()
