import gzip
import tarfile
from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest

from tasks.core.faults import Unreachable
from tasks.core.http import Address, Limits
from tasks.releases.index import Index, Release
from tasks.releases.repository import Cache, HelmRepository, base_image_in
from tests.support.calls import raised
from tests.support.charts import VALUES, archive, chart, entry, real_values
from tests.support.helm import RELEASES, HelmServer, index_text, served

QUICK = Limits(backoff=0, attempts=1)
NOWHERE = Path("/dev/null")

# It has no annotation that names its images.
OLD = next(release for release in RELEASES if not release.annotated)


def repository(url: str, cache: Path = NOWHERE) -> HelmRepository:
    return HelmRepository(Address.parse(url), Cache(cache), limits=QUICK)


def write(folder: Path, *, url: str, name: str = "", body: bytes = b"", digest: str = "") -> None:
    """Write an index of one release, and its archive."""
    folder.mkdir(exist_ok=True)
    body = body or chart()
    text = index_text([OLD], {OLD.version: digest or sha256(body).hexdigest()})
    (folder / "index.yaml").write_text(text.replace(OLD.file_name, url))
    if name:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(body)


def only(helm: HelmRepository) -> Release:
    (release,) = helm.index().values()
    return release


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "repository"


@pytest.fixture
def server(folder: Path) -> Iterator[HelmServer]:
    folder.mkdir()
    with served(folder) as helm:
        yield helm


def test_the_second_run_fetches_nothing_again(helm_repository: HelmServer, tmp_path: Path) -> None:
    for _ in range(2):
        helm = repository(helm_repository.url, tmp_path / "cache")
        helm.archive(helm.index()["3.2.1"])
    assert helm_repository.requests == ["GET /index.yaml 200", "GET /jupyterhub-3.2.1.tgz 200", "GET /index.yaml 304"]


# Where an archive is fetched from.


def test_the_address_is_the_entrys_own_and_never_a_built_name(server: HelmServer) -> None:
    write(server.folder, url="old/jupyterhub-v3.2.1.tgz?x=1", name="old/jupyterhub-v3.2.1.tgz")
    helm = repository(server.url)
    assert helm.archive(only(helm)) == chart()
    assert server.requests[-1] == "GET /old/jupyterhub-v3.2.1.tgz?x=1 200"


@pytest.mark.parametrize("place", ["a.tgz", "charts/a.tgz"])
@pytest.mark.parametrize("kind", ["http", "file"])
def test_a_mirror_serves_what_its_index_takes_from_elsewhere(server: HelmServer, place: str, kind: str) -> None:
    write(server.folder, url="https://elsewhere.test/helm-chart/a.tgz", name=place)
    helm = repository(server.url if kind == "http" else str(server.folder))
    assert str(helm.base_image(only(helm))) == "quay.io/jupyterhub/k8s-hub:3.3.8"


def test_an_image_that_the_index_names_by_digest_alone_is_taken_from_the_archive(folder: Path) -> None:
    write(folder, url="a.tgz", name="a.tgz")
    helm = repository(str(folder))
    images = f"- {{name: k8s-hub, image: 'quay.io/jupyterhub/k8s-hub@sha256:{'1' * 64}'}}"
    assert str(helm.base_image(only(helm)._replace(images=images))) == "quay.io/jupyterhub/k8s-hub:3.3.8"


def test_where_the_mirror_has_it_not_the_address_itself_is_asked(server: HelmServer, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.tgz").write_bytes(chart())
    with served(tmp_path / "elsewhere") as elsewhere:
        write(server.folder, url=f"{elsewhere.url}a.tgz")
        helm = repository(server.url)
        assert helm.archive(only(helm)) == chart()
        assert elsewhere.requests == ["GET /a.tgz 200"]
    assert server.requests[1:] == ["GET /a.tgz 404", "GET /charts/a.tgz 404"]


@pytest.mark.parametrize("url", ["http://plain.test/a.tgz", "file:///etc/passwd", "oci://hub.test/a", "https://["])
def test_an_entry_without_an_address_that_can_be_used(server: HelmServer, url: str) -> None:
    write(server.folder, url=f'"{url}"')
    helm = repository(server.url)
    assert raised(Unreachable, helm.archive, only(helm)) == (
        "error: the index names no address for the archive of jupyterhub 3.2.1 that can be used "
        f"({server.url}index.yaml)\nhint: choose another release with --to VERSION"
    )


# Digests.


@pytest.mark.parametrize("kind", ["http", "file"])
def test_an_archive_that_is_not_the_one_the_index_means(server: HelmServer, tmp_path: Path, kind: str) -> None:
    write(server.folder, url="https://elsewhere.test/a.tgz", name="a.tgz", digest="0" * 64)
    base = server.url.rstrip("/") if kind == "http" else f"file://{server.folder}"
    helm = repository(base, tmp_path / "cache")
    assert raised(Unreachable, helm.base_image, only(helm)) == (
        f"error: archive a.tgz does not have the digest that the index names ({base}/a.tgz)\n"
        "hint: choose another release with --to VERSION, and tell those who keep the repository"
    )
    folder, archive = tmp_path / "cache", (server.folder / "a.tgz").read_bytes()
    assert not [file for file in folder.glob("*") if file.read_bytes().endswith(archive)]


def test_an_archive_without_a_hub_image_names_the_release(folder: Path) -> None:
    write(folder, url="a.tgz", name="a.tgz", body=chart(VALUES.replace(b"hub:", b"pub:")))
    helm = repository(str(folder))
    error, _ = raised(Unreachable, helm.base_image, only(helm)).splitlines()
    assert error == "error: values.yaml in the archive names no hub image at hub.image (jupyterhub 3.2.1)"


# -- the chart's archive


WHERE = "jupyterhub 3.3.8"
EVIL = VALUES.replace(b"quay.io/jupyterhub", b"evil")


@pytest.mark.parametrize(("version", "values"), real_values().items(), ids=real_values())
def test_real_values_name_the_image_that_the_real_index_names(real_index: Index, version: str, values: bytes) -> None:
    image = base_image_in(chart(values), version)
    assert image == real_index[version].base_image
    assert image.tag is not None


DECOYS = {
    "a subchart's": entry("jupyterhub/charts/other/values.yaml", EVIL),
    "one outside of any folder": entry("values.yaml", EVIL),
    "a path that climbs": entry("../../jupyterhub/values.yaml", EVIL),
    "a symbolic link": entry("jupyterhub/values.yaml", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "a device": entry("jupyterhub/values.yaml", type=tarfile.CHRTYPE),
    "a folder": entry("jupyterhub/values.yaml", type=tarfile.DIRTYPE),
}


@pytest.mark.parametrize("decoy", DECOYS.values(), ids=DECOYS.keys())
def test_what_only_looks_like_the_values_is_passed_over(decoy: tuple[tarfile.TarInfo, bytes]) -> None:
    data = archive(decoy, entry("jupyterhub/values.yaml", VALUES))
    assert str(base_image_in(data, WHERE)) == "quay.io/jupyterhub/k8s-hub:3.3.8"
    with pytest.raises(Unreachable, match=r"the archive has no values\.yaml"):
        base_image_in(archive(decoy), WHERE)


BAD = {
    "nothing": (b"", "not a chart archive"),
    "a web page": (b"<html>", "not a chart archive"),
    "gzip of no tar": (gzip.compress(b"<html>" * 1000), "not a chart archive"),
    "cut off": (chart()[:-20], "not a chart archive"),
    "no values": (archive(entry("jupyterhub/Chart.yaml")), "the archive has no values.yaml"),
    "empty values": (chart(b""), "values.yaml in the archive names no hub image at hub.image"),
    "no tag": (chart(b"hub: {image: {name: a}}"), "values.yaml in the archive names no hub image at hub.image"),
    "no yaml": (chart(b"hub: [\n"), "values.yaml in the archive cannot be read: not YAML: "),
    "no image's name": (
        chart(VALUES.replace(b"quay.io", b"$(reboot)")),
        "values.yaml in the archive: '$(reboot)/jupyterhub/k8s-hub:3.3.8' is not an image name",
    ),
    "large values": (chart(b" " * (4 * 2**20 + 1)), "values.yaml in the archive cannot be read: more than"),
    "a bomb": (gzip.compress(bytes(64 * 2**20 + 1)), "the archive unpacks to more than 64 MiB"),
}


@pytest.mark.parametrize(("data", "what"), BAD.values(), ids=BAD.keys())
def test_an_archive_that_cannot_be_used_is_one_fault(data: bytes, what: str) -> None:
    error, hint = raised(Unreachable, base_image_in, data, WHERE).splitlines()
    assert error.startswith(f"error: {what}")
    assert error.endswith("(jupyterhub 3.3.8)")
    assert hint == "hint: choose another release with --to VERSION"


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_with_long_names_and_times_of_any_format_go_by(format: int) -> None:  # noqa: A002 - tarfile's word
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as tar:
        for name, content in {
            f"jupyterhub/{'a' * 90}/{'b' * 90}": b"x" * 700,
            "./jupyterhub/values.yaml": VALUES,
        }.items():
            member, data = entry(name, content, mtime=1.5)
            tar.addfile(member, BytesIO(data))
    assert str(base_image_in(gzip.compress(buffer.getvalue()), WHERE)) == "quay.io/jupyterhub/k8s-hub:3.3.8"
