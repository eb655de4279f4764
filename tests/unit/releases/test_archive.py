import gzip
import tarfile
from io import BytesIO

import pytest

from tasks.core.faults import Unreachable
from tasks.releases.index import Index
from tasks.releases.repository import hub_image_in
from tests.support.charts import VALUES, archive, chart, entry, real_values

WHERE = "jupyterhub 3.3.8"
EVIL = VALUES.replace(b"quay.io/jupyterhub", b"evil")


def test_the_hub_image_stands_in_the_charts_values() -> None:
    assert str(hub_image_in(chart(), WHERE)) == "quay.io/jupyterhub/k8s-hub:3.3.8"


@pytest.mark.parametrize(("version", "values"), real_values().items(), ids=real_values())
def test_real_values_name_the_image_that_the_real_index_names(real_index: Index, version: str, values: bytes) -> None:
    image = hub_image_in(chart(values), version)
    assert image == real_index.releases[version].hub_image
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
    assert str(hub_image_in(data, WHERE)) == "quay.io/jupyterhub/k8s-hub:3.3.8"
    with pytest.raises(Unreachable, match=r"the archive has no values\.yaml"):
        hub_image_in(archive(decoy), WHERE)


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
    with pytest.raises(Unreachable) as fault:
        hub_image_in(data, WHERE)
    error, hint = str(fault.value).splitlines()
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
    assert str(hub_image_in(gzip.compress(buffer.getvalue()), WHERE)) == "quay.io/jupyterhub/k8s-hub:3.3.8"
