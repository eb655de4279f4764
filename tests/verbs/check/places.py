"""Hub repositories to check: where things stand in them."""

from pathlib import Path
from typing import Any

from tasks.core.names import Reference
from tasks.tools.registry import inspect
from tests.support.cli import Result, run_task, sh, succeed
from tests.support.hubs import Hub
from tests.support.world import nothing_written

CHARTPRESS, DOCKERFILE, PINS = "chartpress.yaml", "images/hub/Dockerfile", "images/hub/requirements.txt"
REQUIREMENTS, LOCK, VALUES = "hub/requirements.yaml", "hub/requirements.lock", "hub/values.yaml"


def check(hub: Hub, *flags: str) -> Result:
    """Run ``check``, and demand that it writes nothing."""
    with nothing_written(hub):
        return run_task("check", *flags, cwd=hub.path)


def found(hub: Hub, *flags: str) -> Any:  # noqa: ANN401 - the JSON that it prints
    """Return the problems that ``check`` finds; it fails for a fault alone."""
    result = check(hub, "--json", *flags)
    told = result.json
    fails = any(problem["severity"] == "fault" for problem in told["problems"])
    assert (result.code, result.err, told["ok"]) == (int(fails), "", not fails), result
    assert list(told) == ["ok", "problems", "not_checked"]
    return told["problems"]


def consistent(hub: Hub, *flags: str) -> None:
    """Demand that ``check`` has nothing to say."""
    result = check(hub, *flags)
    words = "Files and git are consistent." if "--offline" in flags else "Everything is consistent."
    assert (result.code, result.out, result.err) == (0, f"{words}\n", ""), result


def image_name(hub: Hub) -> str:
    return f"{hub.prefix}hub"


def base_name(hub: Hub) -> str:
    return hub.read(DOCKERFILE).partition("FROM ")[2].partition("\n")[0].rpartition(":")[0]


def computed_tag(hub: Hub) -> str:
    """Return the tag of the image that the committed files make, as chartpress does where there are no git tags."""
    paths = ("--", "images/hub", CHARTPRESS)
    short = hub.git("log", "-1", "--pretty=%h", *paths)
    return f"0.0.1-0.dev.git.{hub.git('rev-list', '--count', short)}.h{short}"


def pinned_tag(hub: Hub) -> str:
    return hub.read(VALUES).partition("      tag:")[2].partition("\n")[0].strip()


def pin(hub: Hub) -> str:
    """Write the image that the committed files make into the values, as if it had been built; return its tag."""
    text, tag = hub.read(VALUES), computed_tag(hub)
    before, _, rest = text.partition("      name:")
    _, _, after = rest.partition("      tag:")
    hub.write(VALUES, f"{before}      name: {image_name(hub)}\n      tag: {tag}\n{after.partition(chr(10))[2]}")
    hub.commit("Use the image")
    return tag


def built(hub: Hub) -> None:
    """Build the images, and commit the values that name them."""
    succeed("build", cwd=hub.path)
    hub.commit("Use the image")


def push_in_place_of(image: str, folder: Path, dockerfile: str, *flags: str) -> None:
    """Push another image than the hub's under its name."""
    context = folder / "other"
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text(dockerfile)
    build = ("docker", "buildx", "build", "--quiet", "--push", "--provenance=false", "--tag", image)
    sh(*build, *flags, ".", cwd=context)


def digest_of(image: str) -> str:
    found = inspect(Reference.parse(image))
    assert found is not None, image
    return str(found.digest)
