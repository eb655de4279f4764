"""What Mac and PC get: the contract's table, row by row."""

import platform
import sys

import pytest

from tasks.core.faults import Refused
from tasks.core.names import Host, platform_argument, short_platform

MAC_SILICON = Host("darwin", "arm64")
MAC_INTEL = Host("darwin", "x86_64")
PC = Host("linux", "x86_64")
ARM = Host("linux", "aarch64")
AMD64, ARM64 = "linux/amd64", "linux/arm64"


@pytest.mark.parametrize(
    ("host", "wanted", "asked", "argument"),
    [
        pytest.param(MAC_SILICON, AMD64, None, AMD64, id="Mac with Apple silicon"),
        pytest.param(MAC_INTEL, AMD64, None, AMD64, id="Mac with an Intel processor"),
        pytest.param(PC, AMD64, None, None, id="PC: native, no --platform"),
        pytest.param(Host("linux", "AMD64"), AMD64, None, None, id="PC under WSL, spelled as Windows does"),
        pytest.param(ARM, AMD64, None, AMD64, id="Linux on Arm: as the Mac"),
        pytest.param(Host("linux", "riscv64"), AMD64, None, AMD64, id="Linux on something else: as the Mac"),
        pytest.param(MAC_SILICON, ARM64, None, ARM64, id="hub.platform says Arm, Mac"),
        pytest.param(ARM, ARM64, None, None, id="hub.platform says Arm, Linux on Arm: native"),
        pytest.param(PC, ARM64, None, ARM64, id="hub.platform says Arm, PC"),
        pytest.param(PC, AMD64, AMD64, AMD64, id="--platform is named though it is the PC's own"),
        pytest.param(PC, AMD64, ARM64, ARM64, id="--platform wins on a PC"),
        pytest.param(MAC_SILICON, AMD64, ARM64, ARM64, id="--platform wins on a Mac"),
        pytest.param(PC, AMD64, f"{AMD64},{ARM64}", f"{AMD64},{ARM64}", id="--platform with two"),
    ],
)
def test_the_build_arguments_of(host: Host, wanted: str, asked: str | None, argument: str | None) -> None:
    assert platform_argument(host, wanted, asked) == argument


@pytest.mark.parametrize("system", ["win32", "cygwin", "msys"])
@pytest.mark.parametrize("asked", [None, AMD64])
def test_windows_is_refused_with_the_way_to_wsl(system: str, asked: str | None) -> None:
    with pytest.raises(Refused) as refused:
        platform_argument(Host(system, "AMD64"), AMD64, asked)
    assert str(refused.value) == (
        f"error: hub images cannot be built on Windows directly ({system}, AMD64)\n"
        "hint: run it in WSL with Docker Desktop's WSL integration: wsl --install"
    )


@pytest.mark.parametrize(
    ("host", "title"),
    [
        pytest.param(MAC_SILICON, "Mac, arm64", id="Apple silicon"),
        pytest.param(MAC_INTEL, "Mac, x86_64", id="Intel Mac"),
        pytest.param(PC, "PC, x86_64", id="PC"),
        pytest.param(ARM, "Linux, aarch64", id="Linux on Arm"),
        pytest.param(Host("freebsd14", "amd64"), "freebsd14, amd64", id="another system"),
    ],
)
def test_a_host_is_named_as_people_do(host: Host, title: str) -> None:
    assert host.title == title


def test_this_machine_is_what_python_says() -> None:
    assert Host.here() == Host(sys.platform, platform.machine())


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64", "linux/arm64"),
        ("linux/arm/v7", "linux/arm/v7"),
        ("linux/amd64", "linux/amd64"),
    ],
)
def test_only_the_variant_that_says_nothing_is_left_out(long: str, short: str) -> None:
    assert short_platform(long) == short
