"""Files that are none, and paths that name none: each ends at once in one error and one hint, with nothing written."""

import os
import socket
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import pytest

from tests.support.cli import Result, run_task
from tests.support.hubs import Hub

CHARTPRESS, DOCKERFILE, VALUES = "chartpress.yaml", "images/hub/Dockerfile", "hub/values.yaml"
READ = (
    CHARTPRESS,
    DOCKERFILE,
    VALUES,
    "hub/requirements.yaml",
    "hub/requirements.lock",
    "invoke.yaml",
)
SECONDS = 30


def make_socket(path: Path) -> None:
    folder = Path.cwd()
    os.chdir(path.parent)  # a socket's name is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(folder)


KINDS: dict[str, Callable[[Path], object]] = {
    "a named pipe": os.mkfifo,
    "a loop of symbolic links": lambda path: path.symlink_to(path.name),
    "a folder": lambda path: path.mkdir(),
    "a socket": make_socket,
    "a device": lambda path: path.symlink_to("/dev/zero"),
}
# What the system says itself of those that cannot be opened.
WORDS = {"a loop of symbolic links": "Too many levels of symbolic links", "a socket": "No such device or address"}


def one_fault(done: Result, code: int) -> tuple[str, str]:
    """Demand one error and one hint, and nothing unexpected; return them."""
    error, hint = done.err.splitlines()
    assert done.code == code, done
    assert error.startswith("error: ")
    assert not error.startswith("error: unexpected")
    assert hint.startswith("hint: ")
    return error, hint


# Each file once, and each kind.
@pytest.mark.parametrize(
    ("file", "kind"), [*zip(READ, cycle(KINDS)), *((CHARTPRESS, kind) for kind in list(KINDS)[1:])]
)
def test_what_is_no_file_is_refused_by_name_wherever_one_is_read(hub: Hub, file: str, kind: str) -> None:
    (hub.path / file).unlink(missing_ok=True)
    KINDS[kind](hub.path / file)
    done = run_task("check", "--offline", cwd=hub.path, seconds=SECONDS)
    error, _ = one_fault(done, 2)
    # What a link leads out of the repository is not even looked at.
    outside = kind == "a device" and file != "invoke.yaml"
    what = "lies outside the repository" if outside else f"cannot be read: {WORDS.get(kind, f'it is {kind}')}"
    assert error == f"error: the file {what} ({file})"


# -- paths


PASSABLE = "holds a character that cannot be passed to a program: NUL, or half of a surrogate pair"
OUTSIDE = "which lies outside the repository"
IMAGE = "charts[0].images.hub"


def image_key(hub: Hub, line: str) -> None:
    hub.edit(CHARTPRESS, "        valuesPath:", f"        {line}\n        valuesPath:")


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('contextPath: "{}"', "contextPath"),
        ('paths: ["{}"]', "paths[0]"),
        ('buildArgs: {{"{}": a}}', "buildArgs"),
        ('extraBuildCommandOptions: ["{}"]', "extraBuildCommandOptions[0]"),
    ],
)
def test_text_that_no_program_can_be_given_is_refused_with_its_key(hub: Hub, line: str, key: str) -> None:
    config = hub.read(CHARTPRESS)
    for value in ("a\\0b", "a\\ud83d/b"):
        hub.write(CHARTPRESS, config)
        image_key(hub, line.format(value))
        error, _ = one_fault(run_task("check", "--offline", cwd=hub.path), 2)
        assert error == f"error: {IMAGE}.{key} {PASSABLE} (chartpress.yaml:6)"


@pytest.mark.parametrize(
    ("line", "key", "path"),
    [
        ('contextPath: "{}"', "contextPath", "/etc"),
        ('dockerfilePath: "{}"', "dockerfilePath", "images/../../outside"),
        ('paths: ["{}"]', "paths[0]", "/etc"),
    ],
)
def test_a_path_that_leads_outside_is_refused_with_its_key(hub: Hub, line: str, key: str, path: str) -> None:
    image_key(hub, line.format(path))
    error, hint = one_fault(run_task("check", "--offline", cwd=hub.path), 2)
    assert error == f"error: {IMAGE}.{key} is {path!r}, {OUTSIDE} (chartpress.yaml:6)"
    assert hint == "hint: name a path in the repository, relative to chartpress.yaml"
