"""hubpress as people install it: its wheel, and a virtual environment with that and nothing else."""

import shutil
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from .cli import sh
from .machine import PROJECT
from .processes import alone, shared_folder


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built once for all workers."""
    folder = shared_folder(tmp_path_factory) / "hubpress-wheel"
    with alone(folder):
        if not folder.exists():
            made = tmp_path_factory.mktemp("wheel")
            sh(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", str(made), cwd=PROJECT)
            shutil.copytree(made, folder)
    (found,) = folder.glob("hubpress-*.whl")
    return found


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """The programs of a virtual environment that has the wheel, what it needs, and nothing else.

    The libraries that its metadata asks for are copied from the environment of the tests: nothing is downloaded.
    """
    folder = shared_folder(tmp_path_factory) / "hubpress-installed"
    with alone(folder):
        if not (folder / "ready").exists():
            sh(sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder), cwd=folder.parent)
            pip = (sys.executable, "-m", "pip", "--quiet", "--python", str(folder / "bin" / "python"))
            sh(*pip, "install", "--no-deps", "--no-index", str(wheel), cwd=folder.parent)
            (packages,) = folder.glob("lib/python*/site-packages")
            (own,) = distributions(name="hubpress", path=[str(packages)])
            for library in _required(own.requires or ()).values():
                _copy(library, packages)
            (folder / "ready").touch()
    return folder / "bin"


def _required(requirements: Iterable[str]) -> dict[str, Distribution]:
    """Return the libraries that fulfil ``requirements``, and what these require themselves, by name."""
    found: dict[str, Distribution] = {}
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            library = distribution(requirement.name)
            assert library.version in requirement.specifier, requirement
            found |= {requirement.name: library, **_required(library.requires or ())}
    return found


def _copy(library: Distribution, packages: Path) -> None:
    """Copy the library's modules and metadata, but not its programs, into the folder ``packages``."""
    for file in library.files or ():
        if ".." not in file.parts:
            (packages / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(str(file.locate()), packages / file)
