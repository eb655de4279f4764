"""The shapes that hub repositories have: what is read of each, and the very bytes that each task writes.

A world is a text: ``== PATH``, then the file. What a task leaves is a text too: ``== PATH``, then lines ``- OLD`` and
``+ NEW`` for a file that is there, or the whole of a new file. Every other byte of the repository stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.core.faults import Unusable
from tasks.core.names import Reference
from tasks.core.settings import FILE, read_settings
from tasks.repo.edits import image_edits
from tasks.repo.hub import open_hub
from tasks.tools.git import Git
from tests.support.cli import Result
from tests.support.fixtures import Hubpress
from tests.support.helm import HelmServer
from tests.support.hubs import Hub, make_repository

OURS = "reg.example.edu/core/site-hub"
CHART = """\
== hub/Chart.yaml
apiVersion: v2
name: hub
version: 0.0.1
dependencies:
- name: jupyterhub
  version: 3.2.1   # with the image
  repository: https://hub.jupyter.org/helm-chart/
"""
VALUES = f"""\
== hub/values.yaml
jupyterhub:
  hub:
    # ours
    image:
      name: {OURS}
      tag: "0.0.1-0.dev.git.1.h0000000"
"""
EMPTY_VALUES = "== hub/values.yaml\njupyterhub:\n  hub:\n    image:\n      name:\n      tag:\n"
IMAGE = """\
== images/site-hub/Dockerfile
FROM quay.io/jupyterhub/k8s-hub:3.2.1
COPY logo.svg /x
== images/site-hub/logo.svg
<svg/>
"""
BELOW = """\
== images/site-hub/docker/Dockerfile
FROM quay.io/jupyterhub/k8s-hub:3.2.1
COPY logo.svg conf /x
== images/site-hub/logo.svg
<svg/>
== images/site-hub/conf/a
"""
FROM_THE_TOP = IMAGE.replace("COPY logo", "COPY images/site-hub/logo")
BASE_OF_OURS = "== images/base/Dockerfile\nFROM quay.io/jupyterhub/k8s-hub:3.2.1\n"
SET_SITE = f"{{context: images/site-hub, name: {OURS}, values: [jupyterhub.hub.image]}}"
SET_FROM_THE_TOP = (
    f"hub: {{images: [{{context: ., name: {OURS}, dockerfile: images/site-hub/Dockerfile, "
    "values: [jupyterhub.hub.image], paths: [images/site-hub/logo.svg]}]}"
)
SET_SLIM = """\
  - context: images/site-hub
    dockerfile: images/site-hub/Dockerfile.slim
    name: reg.example.edu/core/slim
  values: [{file: prod.yaml, path: hub.image, image: slim}]
"""
CHARTPRESS = """\
== chartpress.yaml
charts:
- name: hub
  imagePrefix: reg.example.edu/core/
  images:
    site-hub:
      valuesPath: jupyterhub.hub.image
"""
# What bump, build and init leave in the plainest of them.
CHART_MOVED = "== hub/Chart.yaml\n-   version: 3.2.1   #\n+   version: 3.3.8   #\n"
MOVED = "== images/site-hub/Dockerfile\n- k8s-hub:3.2.1\n+ k8s-hub:3.3.8\n"
BUILT = '== hub/values.yaml\n- "0.0.1-0.dev.git.1.h0000000"\n+ "7.7.7"\n'
MAKEFILE = """\
== Makefile
check: ## fail if versions, image and values do not agree
	hubpress check

# VERSION=X.Y.Z chooses the z2jh release (default: the newest of the pinned major version).
release: ## move to a z2jh release, build its hub image, commit both
	hubpress release $(if $(VERSION),--to '$(VERSION)')

.PHONY: check release
"""
IGNORED = "== .gitignore\n*.hubpress-new\n/hub/charts/*.tgz\n"
IGNORED_ALONE = "== .gitignore\n*.hubpress-new\n"
ADOPTED = f"""\
== chartpress.yaml
charts:
  - name: hub
    chartPath: hub
    images:
      site-hub:
        imageName: {OURS}
        valuesPath: jupyterhub.hub.image
"""
# What init writes besides, and for a repository that it adopts.
ADDED, ADDED_ALONE = MAKEFILE + IGNORED, MAKEFILE + IGNORED_ALONE
ADOPTS = ADOPTED + ADDED
NAMED_BY_PREFIX = ADOPTED.replace("    images:\n", "    imagePrefix: reg.example.edu/core/\n    images:\n").replace(
    f"        imageName: {OURS}\n", ""
)
SITE = CHART + VALUES + IMAGE
ALONE = "== Dockerfile\n# ours\nFROM quay.io/jupyterhub/k8s-hub:3.2.1\nRUN true\n"
ALONE_MOVED = "== Dockerfile\n- k8s-hub:3.2.1\n+ k8s-hub:3.3.8\n"
NAMED_HUB = """\
== invoke.yaml
hub:
  images:
    - context: .
      name: reg.example.edu/core/hub
"""


NO_CHARTPRESS = (
    "error: there is no chartpress.yaml in this repository (TOP)\n"
    "hint: name the hub repository (--repo PATH), or give a chart its hub image: invoke init"
)

NO_NAME = (
    "error: jupyterhub.hub.image names no image there (hub/values.yaml)\n"
    "hint: set it in invoke.yaml: hub: {images: [{context: images/site-hub, name: HOST/PATH/site-hub, "
    "values: [jupyterhub.hub.image]}]}"
)

NO_RELEASE = (
    "error: FROM quay.io/jupyterhub/k8s-hub:latest does not name a release (Dockerfile:2)\n"
    "hint: write the release that is deployed there: FROM quay.io/jupyterhub/k8s-hub:VERSION"
)


@dataclass(frozen=True)
class Shape:
    """A repository, and what comes of it; a text that begins with ``error:`` is a fault's.

    Attributes:
        what: what is peculiar about it.
        world: its files.
        bump: what ``bump`` leaves.
        build: what ``build`` writes where the image's tag is 7.7.7.
        init: what ``init`` leaves.
        before: the codes that ``check`` gives before ``bump``; None for a fault.
        after: and after it.
    """

    what: str
    world: str
    bump: str
    build: str
    init: str
    before: str
    after: str


GONE = "values-commit-gone"


def site(
    what: str,
    world: str,
    *,
    bump: str = CHART_MOVED + MOVED,
    build: str = BUILT,
    init: str = ADOPTS,
    codes: tuple[str, str] = (GONE, GONE),
) -> Shape:
    """Return a repository with a chart, an image, and values that name it."""
    return Shape(what, world, bump, build, init, *codes)


def adopted(*keys: str) -> str:
    """Return what init leaves where the image's entry needs these keys too."""
    lines = "".join(f"        {key}\n" for key in keys)
    return ADOPTS.replace("        valuesPath", f"{lines}        valuesPath")


def alone(what: str, world: str) -> Shape:
    """Return a repository with an image at the top that has neither a chart nor a name."""
    return Shape(what, world, ALONE_MOVED, "", NAMED_HUB + ADDED_ALONE, "", "")


def refused(what: str, world: str, error: str, *, bump: str = "", init: str = "") -> Shape:
    """Return a repository that no task can use; ``bump`` and ``init`` where they end otherwise."""
    return Shape(what, world, bump or error, error, init or error, "", "")


SHAPES = [
    # -- a chart, its image, and values that name it
    site("chartpress.yaml names it all", SITE + CHARTPRESS, init=ADDED),
    site("no chartpress.yaml", SITE),
    site(
        "an alias",
        CHART.replace("- name", "- alias: z2jh\n  name") + VALUES.replace("jupyterhub:", "z2jh:") + IMAGE,
        init=ADOPTED.replace("jupyterhub.hub", "z2jh.hub") + ADDED,
    ),
    site(
        "the image in one text",
        CHART + f"== hub/values.yaml\njupyterhub:\n  hub:\n    image: {OURS}:pr-499\n" + IMAGE,
        build="== hub/values.yaml\n- :pr-499\n+ :7.7.7\n",
        codes=("", ""),
    ),
    site(
        "a Dockerfile below its build context",
        CHART + VALUES + BELOW,
        bump=CHART_MOVED + MOVED.replace("/Dockerfile", "/docker/Dockerfile"),
        init=adopted("dockerfilePath: images/site-hub/docker/Dockerfile"),
    ),
    site(
        "other images beside it",
        SITE
        + "== images/user/Dockerfile\n# not k8s-hub\nFROM quay.io/jupyter/base-notebook\n"
        + "== images/template/Dockerfile\n{% if hub %}k8s-hub{% endif %}\n",
    ),
    site(
        "other charts beside it, and what helm has unpacked",
        SITE
        + "== support/Chart.yaml\napiVersion: v2\nname: support\nversion: 0.0.1\ndependencies:\n- name: prometheus\n"
        + "== template/Chart.yaml\nname: {{ cookiecutter.name }}\n"
        + "== hub/charts/binderhub/requirements.yaml\ndependencies:\n- name: jupyterhub\n  version: 1.1.0\n",
    ),
    site(
        "a chart inside of another one",
        (CHART + VALUES).replace("== hub/", "== charts/hub/") + IMAGE + "== Chart.yaml\nname: all\n",
        bump=CHART_MOVED.replace("hub/", "charts/hub/") + MOVED,
        build=BUILT.replace("hub/", "charts/hub/"),
        init=ADOPTED.replace("chartPath: hub", "chartPath: charts/hub")
        + MAKEFILE
        + IGNORED.replace("/hub/", "/charts/hub/"),
    ),
    site(
        "two charts, one of them named",
        SITE + CHART.replace("hub/Chart", "old/Chart") + "== invoke.yaml\nhub: {chart: ./hub/}\n",
        codes=(GONE, f"pin-stays {GONE}"),
    ),
    site(
        "a Makefile and a .gitignore",
        SITE + "== Makefile\ncheck:\n\ttrue\n== .gitignore\n*.tgz",
        init=ADOPTED
        + "== Makefile\n\n"
        + MAKEFILE.partition("pinned major version).\n")[2].replace("check release", "release")
        + "== .gitignore\n\n*.hubpress-new\n",
    ),
    # -- chartpress.yaml beside it
    site(
        "chartpress.yaml in a folder, and the image above it",
        (CHART + VALUES).replace("== hub/", "== helm/hub/")
        + IMAGE
        + CHARTPRESS.replace("== ", "== helm/").replace(
            "      values", "      contextPath: ../images/site-hub\n      values"
        ),
        bump=CHART_MOVED.replace("hub/", "helm/hub/") + MOVED,
        build=BUILT.replace("hub/", "helm/hub/"),
        init=MAKEFILE + IGNORED.replace("/hub/", "/helm/hub/"),
    ),
    site(
        "chartpress.yaml for other images alone",
        SITE + "== chartpress.yaml\ncharts:\n- name: node\n  images: {scaler: {imageName: reg.example.edu/scaler}}\n",
        init=ADDED,
    ),
    site(
        "chartpress.yaml with the chart and another of its images",
        SITE + CHARTPRESS.replace("site-hub:\n      valuesPath: jupyterhub.hub", "db:\n      valuesPath: db"),
        init=ADDED,
    ),
    refused(
        "chartpress.yaml that looks for the image elsewhere",
        SITE + CHARTPRESS.replace("site-hub:", "hub:"),
        "error: chartpress.yaml does not name images/site-hub/Dockerfile, which inherits from z2jh's hub image "
        "(chartpress.yaml)\n"
        "hint: set it there: contextPath: images/site-hub, dockerfilePath: images/site-hub/Dockerfile, "
        "valuesPath: jupyterhub.hub.image",
    ),
    # -- what nothing tells
    refused(
        "values that name no image",
        CHART + EMPTY_VALUES + IMAGE,
        NO_NAME,
        init=NAMED_BY_PREFIX + ADDED,
    ),
    refused(
        "two Dockerfiles",
        CHART + VALUES + "== images/a/Dockerfile\nFROM k8s-hub:3.2.1\n" + IMAGE,
        "error: the hub image may be built from several Dockerfiles: images/a/Dockerfile, images/site-hub/Dockerfile "
        f"(TOP)\nhint: set it in invoke.yaml: hub: {{images: [{{context: images/site-hub, name: {OURS}, "
        "values: [jupyterhub.hub.image]}]}",
    ),
    refused(
        "an image on top of an image on top of z2jh's",
        CHART + VALUES + IMAGE.replace("FROM quay.io/jupyterhub/k8s-hub:3.2.1", "FROM ours") + BASE_OF_OURS,
        "error: the hub image may be built from several Dockerfiles: images/base/Dockerfile, "
        "images/site-hub/Dockerfile (TOP)\n"
        f"hint: set it in invoke.yaml: hub: {{images: [{{context: images/base, name: {OURS}, "
        "values: [jupyterhub.hub.image]}]}",
    ),
    site(
        "a build context that holds the values",
        CHART + VALUES + ALONE.replace("RUN true", "COPY logo.svg conf /x"),
        build="error: the build context of Dockerfile holds hub/values.yaml, so each build would give the image a new "
        f"tag (.)\nhint: set it in invoke.yaml: hub: {{images: [{{context: ., name: {OURS}, "
        "values: [jupyterhub.hub.image], paths: [logo.svg, conf]}]}",
        bump=CHART_MOVED + ALONE_MOVED,
        init=adopted("contextPath: ."),
    ),
    site(
        "a context whose values the Dockerfile copies",
        ALONE.replace("RUN true", "COPY . /x")
        + "== clusters/a.yaml\n"
        + f"hub: {{image: {{name: {OURS}, tag: x}}}}\n"
        + f"== invoke.yaml\nhub:\n  images: [{{context: ., name: {OURS}}}]\n"
        + "  values: [{file: clusters/*.yaml, path: hub.image}]\n",
        build="error: the build context of Dockerfile holds clusters/a.yaml, so each build would give the image a new "
        "tag (.)\nhint: the Dockerfile copies it too: copy other files one by one, or move clusters/a.yaml "
        "elsewhere",
        bump=ALONE_MOVED,
        init=ADDED_ALONE,
        codes=("", ""),
    ),
    site(
        "values that only other files name",
        CHART
        + IMAGE
        + "== hub/values.yaml\njupyterhub: {}\n"
        + VALUES.replace("hub/values.yaml", "config/b.yaml")
        + VALUES.replace("hub/values.yaml", "config/prod/a.yaml"),
        build="",
        init=ADOPTED.replace("        valuesPath: jupyterhub.hub.image\n", "") + MAKEFILE + IGNORED,
        codes=("values-differ values-differ", "values-differ values-differ"),
    ),
    refused(
        "values that only other files name, each another image",
        CHART
        + IMAGE
        + EMPTY_VALUES
        + VALUES.replace("hub/values.yaml", "config/b.yaml")
        + VALUES.replace("hub/values.yaml", "config/z.yaml").replace(OURS, "reg.example.edu/other"),
        NO_NAME,
        init=NAMED_BY_PREFIX + ADDED,
    ),
    site(
        "a Dockerfile that is built from the top",
        CHART + VALUES + FROM_THE_TOP,
        build="error: the build context of images/site-hub/Dockerfile holds hub/values.yaml, so each build would give "
        f"the image a new tag (.)\nhint: set it in invoke.yaml: {SET_FROM_THE_TOP}",
        init=adopted("contextPath: .", "dockerfilePath: images/site-hub/Dockerfile"),
    ),
    refused(
        "two charts",
        SITE + CHART.replace("hub/Chart", "old/Chart"),
        "error: several charts depend on jupyterhub: hub, old (TOP)\n"
        "hint: name one: hub: {chart: hub} in invoke.yaml, or INVOKE_HUB_CHART=hub",
    ),
    refused(
        "a chart that is named and does not depend on z2jh",
        SITE + "== web/Chart.yaml\nname: web\n== invoke.yaml\nhub: {chart: web}\n",
        "error: no chart web depends on jupyterhub (TOP)\nhint: these depend on jupyterhub: hub",
    ),
    refused(
        "z2jh through binderhub",
        CHART.replace("jupyterhub\n", "binderhub\n").replace("3.2.1", "0.2.0") + VALUES + IMAGE,
        "error: the chart hub gets jupyterhub through binderhub, which pins it (hub/Chart.yaml)\n"
        "hint: move binderhub instead, by hand; a release's own jupyterhub: helm show chart binderhub "
        "--repo https://hub.jupyter.org/helm-chart/ --version 0.2.0",
    ),
    # -- hub.images says it
    site(
        "hub.images for one of two Dockerfiles",
        SITE + "== images/a/Dockerfile\nFROM k8s-hub:3.2.1\n" + f"== invoke.yaml\nhub: {{images: [{SET_SITE}]}}\n",
        init=ADDED,
    ),
    site(
        "hub.images for a context that holds the values",
        CHART
        + VALUES
        + ALONE
        + f"== invoke.yaml\nhub:\n  images:\n  - {SET_SITE}\n".replace("images/site-hub,", "., paths: [conf],"),
        bump=CHART_MOVED + ALONE_MOVED,
        init=ADDED,
    ),
    site(
        "hub.images for two images of one folder, each with its values",
        SITE
        + IMAGE.replace("/Dockerfile", "/Dockerfile.slim")
        + "== prod.yaml\nhub: {image: {name: reg.example.edu/core/slim, tag: a}}\n"
        + f"== invoke.yaml\nhub:\n  images:\n  - {SET_SITE}\n"
        + SET_SLIM,
        bump=CHART_MOVED + MOVED + MOVED.replace("/Dockerfile", "/Dockerfile.slim"),
        build=BUILT + "== prod.yaml\n- tag: a\n+ tag: 7.7.7\n",
        init=ADDED,
        codes=("values-commit-gone", "values-commit-gone"),
    ),
    site(
        "hub.values names it where the chart's values do not",
        CHART
        + IMAGE
        + VALUES.replace("hub/values.yaml", "prod/values.yaml")
        + "== invoke.yaml\nhub: {values: [{file: prod/values.yaml, path: jupyterhub.hub.image}]}\n",
        build=BUILT.replace("hub/values", "prod/values"),
        init=ADOPTED.replace("        valuesPath: jupyterhub.hub.image\n", "") + ADDED,
    ),
    # -- the image alone
    alone("the image alone", ALONE),
    alone("the image alone, beside a chart of something else", ALONE + "== web/Chart.yaml\nname: web\n"),
    Shape("the image alone, with a name", ALONE + NAMED_HUB, ALONE_MOVED, "", ADDED_ALONE, "", ""),
    Shape(
        "the image alone, with values of another tool",
        ALONE.replace("== ", "== image/")
        + f"== prod.yaml\nhub: {{image: {{name: {OURS}, tag: x}}}}\n"
        + "== invoke.yaml\nhub: {values: [{file: prod.yaml, path: hub.image}]}\n",
        ALONE_MOVED.replace("== ", "== image/"),
        "== prod.yaml\n- tag: x\n+ tag: 7.7.7\n",
        ADDED_ALONE,
        "",
        "",
    ),
    Shape(
        "the image alone, on whatever is the latest",
        ALONE.replace(":3.2.1", ":latest") + NAMED_HUB,
        bump=NO_RELEASE,
        build="",
        init=NO_RELEASE,
        before="",
        after="",
    ),
    refused(
        "the image alone, twice",
        ALONE + ALONE.replace("== ", "== images/a/"),
        "error: the hub image may be built from several Dockerfiles: Dockerfile, images/a/Dockerfile (TOP)\n"
        "hint: set it in invoke.yaml: hub: {images: [{context: ., name: HOST/PATH/hub}]}",
    ),
    # -- none of it yet
    refused(
        "a chart alone",
        CHART,
        NO_CHARTPRESS,
        init="== images/hub/Dockerfile\n"
        "# z2jh's hub image for the chart's release, with the packages that our hubs need.\n"
        "FROM quay.io/jupyterhub/k8s-hub:3.2.1\n\nUSER root\nCOPY requirements.txt /tmp/requirements.txt\n"
        "RUN pip install --no-cache-dir --requirement /tmp/requirements.txt\n\nUSER jovyan\n"
        "== images/hub/requirements.txt\n"
        "# Python packages to add to z2jh's hub image, each pinned: NAME==VERSION\n"
        "== chartpress.yaml\ncharts:\n  - name: hub\n    chartPath: hub\n    imagePrefix: reg.example.edu/core/\n"
        "    images:\n      hub:\n        valuesPath: jupyterhub.hub.image\n" + EMPTY_VALUES + ADDED,
    ),
    refused(
        "a version in Terraform, and no image",
        '== main.tf\nresource "helm_release" "hub" {\n  repository = "https://hub.jupyter.org/helm-chart"\n'
        '  version = "3.2.1"\n}\n',
        NO_CHARTPRESS,
        init="error: main.tf deploys jupyterhub, and no chart here does (main.tf)\n"
        "hint: write a Dockerfile FROM quay.io/jupyterhub/k8s-hub:VERSION with that version, then: invoke init",
    ),
    refused(
        "a manifest of Flux, and no image",
        "== clusters/a/hub.yaml\nkind: HelmRelease\nspec:\n  chart:\n    spec:\n      chart: jupyterhub\n"
        "      version: 3.2.1\n",
        NO_CHARTPRESS,
        init="error: clusters/a/hub.yaml deploys jupyterhub, and no chart here does (clusters/a/hub.yaml)\n"
        "hint: write a Dockerfile FROM quay.io/jupyterhub/k8s-hub:VERSION with that version, then: invoke init",
    ),
]


def parts(text: str) -> dict[str, str]:
    """Return a world's files by their paths."""
    files = {}
    for part in text.split("== ")[1:]:
        path, _, content = part.partition("\n")
        files[path.rstrip("\r")] = content
    return files


def left(before: Mapping[str, bytes], changes: str) -> dict[str, bytes]:
    """Return the files as ``changes`` leave them."""
    after = dict(before)
    for path, text in parts(changes).items():
        lines = text.splitlines()
        if path not in before or not lines[0].startswith("- "):
            after[path] = before.get(path, b"") + text.encode()
            continue
        old, new = ("\n".join(line[2:] for line in lines if line.startswith(sign)).encode() for sign in ("- ", "+ "))
        assert before[path].count(old) == 1, (path, old)
        after[path] = before[path].replace(old, new)
    return after


def demand_build(hub: Hub, wanted: str, before: dict[str, bytes]) -> None:
    """Demand what ``build`` writes where the image's tag is 7.7.7."""
    opened = open_hub(read_settings({}, hub.path / FILE), Git(hub.path))
    if wanted.startswith("error: "):
        with pytest.raises(Unusable) as fault:
            opened.to_build(())
        assert str(fault.value).replace(str(hub.path), "TOP") == wanted
        return
    pins = {place: Reference(one.spec.name, "7.7.7") for one in opened.images for place in opened.values_places(one)}
    assert {**before, **{edit.path: edit.after for edit in image_edits(opened, pins)}} == left(before, wanted)


def demand(told: Result, wanted: str, before: dict[str, bytes], hub: Hub) -> None:
    """Demand that a task left what is ``wanted``, or refused with that and left everything as it was."""
    fault = wanted if wanted.startswith("error: ") else ""
    lines = [line for line in told.err.splitlines() if line.startswith(("error: ", "hint: "))]
    assert "\n".join(lines).replace(str(hub.path), "TOP") == fault, told
    assert hub.snapshot() == left(before, "" if fault else wanted)


def codes(told: Result) -> str:
    return "" if told.code == 2 else " ".join(problem["code"] for problem in told.json["problems"])


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.what)
def test_a_shape_is_built_adopted_and_moved_and_check_agrees(
    shape: Shape, tmp_path: Path, helm_repository: HelmServer, monkeypatch: pytest.MonkeyPatch, hubpress: Hubpress
) -> None:
    monkeypatch.setenv("INVOKE_HUB_CHART_REPOSITORY", helm_repository.url)
    there = make_repository(tmp_path / "hub", parts(shape.world))
    before = there.snapshot()
    demand_build(there, shape.build, before)

    demand(hubpress(there, "init", "--prefix", "reg.example.edu/core/"), shape.init, before, there)
    if not shape.init.startswith("error: "):
        assert hubpress(there, "init").out == "Nothing to do.\n"
        there.git("reset", "--quiet", "--hard")
        there.git("clean", "--quiet", "-dfx")

    assert codes(hubpress(there, "check", "--offline", "--json")) == shape.before
    demand(hubpress(there, "bump"), shape.bump, before, there)
    if not shape.bump.startswith("error: "):
        assert codes(hubpress(there, "check", "--offline", "--json")) == shape.after
        again = there.snapshot()
        assert hubpress(there, "bump").code == 0
        assert there.snapshot() == again
