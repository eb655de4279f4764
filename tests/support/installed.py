"""hubpress as people install it: its wheel, and a virtual environment with that and nothing else."""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from .cli import sh
from .machine import PROJECT

# Read before the tests move into homes of their own: pip's settings, and what it has fetched already.
_PIPS_OWN = {
    "HOME": str(Path.home()),
    "XDG_CONFIG_HOME": os.environ.get("XDG_CONFIG_HOME", str(Path.home() / ".config")),
    "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
}


def built_wheel(folder: Path, made: Path) -> Path:
    """Return the project's wheel in ``folder``; whoever comes first builds it, in ``made``."""
    with alone(folder):
        if not folder.exists():
            sh(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", str(made), cwd=PROJECT)
            shutil.copytree(made, folder)
    (wheel,) = folder.glob("hubpress-*.whl")
    return wheel


def installed_programs(folder: Path, wheel: Path) -> Path:
    """Return the programs of a virtual environment in ``folder`` that has the wheel and what it needs.

    The libraries that its metadata asks for are copied from the environment of the tests: nothing is downloaded.
    """
    with alone(folder):
        if not (folder / "ready").exists():
            sh(sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder), cwd=folder.parent)
            _pip("--python", str(folder / "bin" / "python"), "install", "--no-deps", "--no-index", str(wheel))
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


def _pip(*arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _PIPS_OWN.items():
            patch.setenv(name, value)
        sh(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments, cwd=PROJECT)


# -- what is made once for all of the processes that the tests of one run are spread over


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that this run's workers share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one worker at a time make or look at ``folder``."""
    with folder.with_suffix(".lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
