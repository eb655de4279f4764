"""``check`` finds every planted inconsistency, and says nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tasks.checks.files import Code

from .corpus import IN_FILES, IN_THE_WORLD, Planted
from .places import DOCKERFILE, check, consistent, pinned_tag

if TYPE_CHECKING:
    from ...support.hubs import Hub

# Planted in test_bases.py and test_pins.py.
ELSEWHERE = {"chart-copies-differ", "pin-differs", "base-images-differ", "pin-older-than-base"}


def found(hub: Hub, *flags: str) -> Any:  # noqa: ANN401 - the JSON that it prints
    """Return what ``check`` finds, which is something."""
    result = check(hub, "--json", *flags)
    told = result.json
    assert (result.code, result.err, list(told), told["ok"]) == (1, "", ["ok", "problems"], False), result
    return told["problems"]


@pytest.mark.parametrize("planted", IN_FILES, ids=lambda planted: planted.report)
def test_files_and_git_tell(planted: Planted, settled: Hub) -> None:
    problem = planted.plant(settled)
    assert found(settled, "--offline") == [
        {"code": planted.code, "path": problem.path, "message": problem.message, "hint": problem.hint}
    ]


@pytest.mark.engine
@pytest.mark.parametrize("planted", [*IN_FILES, *IN_THE_WORLD], ids=lambda planted: planted.report)
def test_the_world_outside_tells(planted: Planted, released: Hub) -> None:
    problem = planted.plant(released)
    assert found(released) == [problem.report()]


@pytest.mark.engine
@pytest.mark.parametrize("planted", IN_THE_WORLD, ids=lambda planted: planted.report)
def test_offline_does_not_guess_what_only_the_world_outside_knows(planted: Planted, released: Hub) -> None:
    planted.plant(released)
    consistent(released, "--offline")


@pytest.mark.engine
def test_a_content_that_was_changed_and_not_built(content_named: Hub) -> None:
    consistent(content_named)
    pinned = pinned_tag(content_named)
    content_named.edit(DOCKERFILE, "RUN pip", "RUN true && pip")
    content_named.commit("Change the image")
    (problem,) = found(content_named)
    assert (problem["code"], problem["path"]) == ("values-tag-stale", "hub/values.yaml:6")
    assert problem["message"].startswith(f"the tag is {pinned}, but the image's files make 3.3.8-")
    consistent(content_named, "--offline")


def test_every_code_is_planted_somewhere() -> None:
    assert {planted.code for planted in (*IN_FILES, *IN_THE_WORLD)} | ELSEWHERE == {code.value for code in Code}


def test_people_read_the_place_the_problem_its_code_and_what_mends_it(settled: Hub) -> None:
    problem = IN_FILES[0].plant(settled)
    result = check(settled, "--offline")
    assert (result.code, result.err) == (1, "")
    assert result.out == f"{problem.path}: {problem.message} [base-not-of-release]\n  hint: {problem.hint}\n"
