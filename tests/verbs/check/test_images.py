"""``check`` asks for every image that the values name, and calls only those missing that a registry says it lacks."""

from pathlib import Path

import pytest

from tasks.repo.deployments import unmoved_images
from tests.support.calls import opened
from tests.support.cli import run_task
from tests.support.hubs import NO_REGISTRY, Hub, make_repository
from tests.support.layouts import make_2i2c_like
from tests.support.registry import private_registry
from tests.support.world import each

from .places import VALUES, base_name, built, check, consistent, found, image_name, pinned_tag

pytestmark = pytest.mark.engine

# ``there`` is in the registry, ``gone`` is not.
VALUES_OF_ALL = """\
    image: {{name: {there}, tag: 3.3.8}}
    networkTools: {{image: {{name: {there}, tag: gone-1}}}}
    initContainers:
    - {{name: there, image: "{there}:3.3.8"}}
    - {{name: gone, image: "{there}:gone-2"}}
    profileList:
    - display_name: Small
      kubespawner_override: {{image: "{there}:gone-3"}}
    - display_name: Any
      profile_options:
        image:
          unlisted_choice: {{enabled: true, kubespawner_override: {{image: "{{value}}"}}}}
          choices:
            here: {{kubespawner_override: {{image: "{there}:3.3.8"}}}}
            there: {{kubespawner_override: {{image: "{there}:gone-4"}}}}
            script: {{kubespawner_override: {{image: "{there}:$(TAG)"}}}}
  prePuller:
    pause: {{image: &pause {{name: {there}, tag: gone-5}}}}
    extraImages:
      one: {{name: {there}, tag: "gone-6@sha256:{zeros}"}}
      two: {{<<: *pause, tag: 3.3.8}}
      three: *pause
  scheduling:
    userScheduler: {{image: {{name: {there}, tag: }}}}
  custom:
    image: not an image
    note: {{image: "{there}:gone-9"}}
"""
MISSING = [
    (12, "singleuser.networkTools.image", "gone-1"),
    (15, "singleuser.initContainers.1.image", "gone-2"),
    (18, "singleuser.profileList.0.kubespawner_override.image", "gone-3"),
    (25, "singleuser.profileList.1.profile_options.image.choices.there.kubespawner_override.image", "gone-4"),
    (28, "prePuller.pause.image", "gone-5"),
    (30, "prePuller.extraImages.one", f"gone-6@sha256:{'0' * 64}"),
    (28, "prePuller.extraImages.three", "gone-5"),
]


def spoil(hub: Hub, text: str) -> None:
    hub.edit(VALUES, "  singleuser:\n", f"  singleuser:\n{text}")
    hub.change(VALUES, "    memory: {guarantee: 256M}\n", "")


def test_every_key_of_the_chart_that_has_an_image(released: Hub) -> None:
    there = base_name(released)
    spoil(released, VALUES_OF_ALL.format(there=there, zeros="0" * 64))
    result = check(released, "--json")
    assert result.code == 1, result
    said = [(one["code"], f"{one['path']}:{one['line']}", one["message"]) for one in result.json["problems"]]
    words = "which its registry does not have"
    assert said == [
        ("image-missing", f"{VALUES}:{line}", f"jupyterhub.{path} names {there}:{tag}, {words}")
        for line, path, tag in MISSING
    ]
    hint = f"push it, or name an existing one; docker buildx imagetools inspect {there}:gone-1"
    assert (result.json["problems"][0]["hint"], result.json["not_checked"]) == (hint, [])


def test_a_registry_that_denies_or_does_not_answer_is_no_fault(released: Hub, tmp_path: Path) -> None:
    with private_registry(tmp_path / "private", {"robin": "secret"}) as private:
        names = (f"{private.address}/team/user", *(f"{NO_REGISTRY}/team/{name}" for name in "abcd"))
        lines = "".join(f"      i{at}: {{name: {name}, tag: '1'}}\n" for at, name in enumerate(names))
        spoil(released, f"    extraImages:\n{lines}")
        result = check(released, "--json")
    assert (result.code, result.json["problems"]) == (0, []), result
    denied, silent = (one["message"] for one in result.json["not_checked"])
    assert denied.startswith(f"{private.address}/team/user:1: ")
    one = f"{NO_REGISTRY}/team"
    assert silent.startswith(f"{one}/a:1, {one}/b:1, {one}/c:1 and 1 more: ")


@pytest.mark.parametrize("flags", [(), ("--offline",)], ids=["online", "offline"])
def test_what_is_not_yaml_is_named_and_what_is_encrypted_is_left_alone(flags: tuple[str, ...], released: Hub) -> None:
    for name, text in (
        ("hubploy", "images: {\n"),
        ("config/prod", "jupyterhub: [\n"),
        ("secrets/prod", "image: ENC[x]\nsops:\n  mac: x\n"),
    ):
        released.write(f"deployments/bio/{name}.yaml", text)
    released.write("clusters/a.yaml", "jupyterhub:\n  hub\n  image: {}\n")
    released.put("invoke.yaml", "hub: {values: [{file: 'clusters/*.yaml', path: jupyterhub.hub.image}]}\n")
    problems = [one for one in found(released, *flags) if one["code"] == "not-yaml"]
    assert each(problems, "path line severity") == [
        ("deployments/bio/hubploy.yaml", 2, "fault"),
        ("deployments/bio/config/prod.yaml", 2, "fault"),
        ("clusters/a.yaml", 3, "fault"),
    ]
    assert problems[0]["message"].startswith("not YAML: ")
    assert problems[0]["hint"] == "correct the file there"


CLUSTERS = {"a/staging": "jupyterhub", "b/common": "basehub:\n  jupyterhub", "c/prod": "jupyterhub"}


def named_in_clusters(hub: Hub, image: str) -> None:
    """Let the values of three clusters name an image, as for a chart below the hub's and one around it."""
    for name, section in CLUSTERS.items():
        indent = " " * (section.rfind("\n") + 1 and 2)
        lines = f"{section}:\n{indent}  hub:\n{indent}    image:\n"
        text = f"{lines}{indent}      name: {image}\n{indent}      tag: 0.0.1-0.dev.git.5.h1234567\n"
        hub.write(f"config/clusters/{name}.values.yaml", text)
    hub.write(".github/workflows/test.yaml", f"jobs: {{a: {{image: {{name: {image}, tag: old}}}}}}\n")
    hub.write("notes.yaml", f"{{{{ not YAML, with {image}\n")
    hub.put("odd.yaml", f"{{: &a {{image: {{name: {image}, tag: old}}}}, a.b: {{<<: *a}}}}\n")


def test_clusters_that_keep_an_old_hub_image_are_all_named_and_the_hint_moves_them(released: Hub) -> None:
    named_in_clusters(released, image_name(released))
    problems = found(released, "--offline")
    assert each(problems, "code severity path line") == [
        ("values-differ", "warning", "config/clusters/a/staging.values.yaml", 5),
        ("values-differ", "warning", "config/clusters/b/common.values.yaml", 6),
        ("values-differ", "warning", "config/clusters/c/prod.values.yaml", 5),
    ]
    pattern = "{file: config/clusters/*/*.values.yaml, path: jupyterhub.hub.image}"
    other = "{file: config/clusters/b/common.values.yaml, path: basehub.jupyterhub.hub.image}"
    setting = f"hub: {{values: [{pattern}, {other}]}}"
    assert {one["hint"] for one in problems} == {f"take it out, or let builds move it: {setting} in invoke.yaml"}
    shown = run_task("--dry", "build", cwd=released.path)
    files = ", ".join(f"config/clusters/{name}.values.yaml" for name in CLUSTERS)
    assert f"! hub is also named by {files}, where no build writes it; let builds move it: {setting} in" in shown.out
    released.write("invoke.yaml", f"{setting}\n")
    assert found(released, "--offline")[0]["severity"] == "fault"
    built(released)
    consistent(released)
    assert all(pinned_tag(released) in released.read(f"config/clusters/{name}.values.yaml") for name in CLUSTERS)


def test_an_image_in_a_manifest_of_several_documents_is_named_and_the_hint_moves_it(released: Hub) -> None:
    """Flux deployed the old hub image with the new chart, and everything was called consistent."""
    image = f"{{name: {image_name(released)}, tag: 0.0.1-0.dev.git.5.h1234567}}"
    manifest = "kind: HelmRepository\nspec: {url: https://hub.jupyter.org/helm-chart/}\n---\nkind: HelmRelease\n"
    released.put("flux/hub.yaml", f"{manifest}spec:\n  values:\n    hub:\n      image: {image}\n")
    setting = "hub: {values: [{file: flux/hub.yaml, path: spec.values.hub.image}]}"
    told = ("values-differ", "flux/hub.yaml", 8, f"take it out, or let builds move it: {setting} in invoke.yaml")
    assert each(found(released, "--offline"), "code path line hint") == [told]
    released.write("invoke.yaml", f"{setting}\n")
    built(released)
    consistent(released)
    assert released.read("flux/hub.yaml").startswith(manifest)


AMBIGUOUS = "hub.image.tag is ambiguous: the key tag stands on lines 4 and 5 (clusters/a.yaml)"
MATCHES = "the file matches hub.values and names an image of ours"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{0}---\n{0}", f"{MATCHES}, but cannot be read: the file holds several YAML documents (clusters/a.yaml:5)"),
        ("{}    tag: old\n", f"{MATCHES}, but cannot be read: {AMBIGUOUS}"),
    ],
)
def test_a_matching_file_that_names_the_image_is_never_left_behind(released: Hub, text: str, error: str) -> None:
    image = f"hub:\n  image:\n    name: {image_name(released)}\n    tag: older\n"
    released.write("clusters/a.yaml", text.format(image))
    released.write(
        "clusters/b.yaml", f"# {image_name(released)} is elsewhere\nhub: {{}}\n---\nbase: of another image\n"
    )
    released.write("clusters/c.yaml", f"# {image_name(released)} is elsewhere\n{{{{ not YAML\n")
    released.put("invoke.yaml", "hub: {values: [{file: 'clusters/*.yaml', path: hub.image}]}\n")
    before = released.snapshot()
    for task in (("build",), ("--dry", "build")):
        done = run_task(*task, cwd=released.path)
        assert (done.code, done.err.splitlines()[0]) == (2, f"error: {error}"), done
    assert released.snapshot() == before
    released.git("rm", "--quiet", "clusters/a.yaml")
    assert run_task("--dry", "build", cwd=released.path).code == 0


def test_an_accepted_place_that_builds_write_hides_no_other(released: Hub) -> None:
    named_in_clusters(released, image_name(released))
    released.edit(VALUES, f"tag: {pinned_tag(released)}", "tag: 0.0.1-0.dev.git.5.h1234567")
    released.write(
        "invoke.yaml",
        """\
hub:
  values: [{file: config/clusters/*/*.values.yaml, path: jupyterhub.hub.image}]
  accept:
  - {code: values-commit-gone, path: hub/*}
  - {code: values-commit-gone, path: config/clusters/a/*}
  - lock-differs
""",
    )
    released.commit("Keep an old image everywhere")
    problem = next(one for one in found(released, "--offline") if one["code"] == "values-commit-gone")
    assert (problem["path"], problem["severity"]) == ("config/clusters/c/prod.values.yaml", "warning")
    released.edit("invoke.yaml", "config/clusters/a/*", "config/clusters/*")
    assert each(found(released, "--offline"), "code severity")[0] == ("values-commit-gone", "accepted")


def test_an_image_without_a_chart_whose_values_no_setting_names(tmp_path: Path) -> None:
    hub = make_repository(tmp_path / "hub", {"image/Dockerfile": "FROM quay.io/jupyterhub/k8s-hub:3.3.8\n"})
    assert found(hub, "--offline") == []
    hub.write("config.yaml", "hub:\n  image:\n    name: registry.example/us/hub\n    tag: 1.2.0\n")
    hub.put("invoke.yaml", "hub: {images: [{context: image, name: registry.example/us/hub}]}\n")
    (problem,) = found(hub, "--offline")
    assert (problem["code"], problem["path"], problem["line"]) == ("values-differ", "config.yaml", 4)
    assert problem["message"] == "the tag is 1.2.0; no build writes hub here"
    assert "hub: {values: [{file: config.yaml, path: hub.image}]}" in problem["hint"]


def test_an_image_that_only_clusters_name_is_not_called_unused(tmp_path: Path) -> None:
    hub = make_2i2c_like(tmp_path / "2i2c", version="3.3.8")
    named_in_clusters(hub, f"{NO_REGISTRY}/2i2c/dynamic-image-building-experiment")
    problems = [one for one in found(hub, "--offline") if "clusters" in one["path"]]
    assert each(problems, "code severity") == [("values-differ", "warning")] * 3
    assert problems[0]["message"].endswith("; no build writes dynamic-image-building-experiment here")
    assert [*unmoved_images(opened(hub))] == ["dynamic-image-building-experiment"]


def test_values_in_the_section_of_a_chart_that_depends_on_the_hubs_are_looked_at(released: Hub) -> None:
    there, file = base_name(released), "deployments/bio/config/prod.yaml"
    released.write("deployments/bio/hubploy.yaml", "cluster: {}\n")
    released.put(file, f"basehub:\n  jupyterhub:\n    singleuser:\n      image: {{name: {there}, tag: gone}}\n")
    (missing,) = found(released)
    assert (missing["code"], missing["path"], missing["line"]) == ("image-missing", file, 4)
    assert missing["message"].startswith(f"basehub.jupyterhub.singleuser.image names {there}:gone, ")


def test_values_behind_a_link_or_an_alias_are_the_places_that_builds_write(settled: Hub) -> None:
    """What a build writes there is not told as an image that no build writes."""
    (settled.path / "shared").mkdir()
    (settled.path / VALUES).rename(settled.path / "shared/values.yaml")
    (settled.path / VALUES).symlink_to("../shared/values.yaml")
    settled.edit("shared/values.yaml", "    image:\n", "    image: &hub\n")
    settled.put("shared/values.yaml", settled.read("shared/values.yaml") + "other:\n  image: *hub\n")
    assert unmoved_images(opened(settled)) == {}
