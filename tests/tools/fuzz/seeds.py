"""Good inputs, one or more for each reader: what damage is done to."""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.support.charts import CAL_ICOR, archive, entry
from tests.support.registry import DOCKER_INDEX, MANIFEST

from .inputs import Json, damaged, damaged_text

_DIGEST = f"sha256:{'0a' * 32}"
_OTHER = f"sha256:{'1b' * 32}"

ANNOTATIONS = (
    "- image: quay.io/jupyterhub/k8s-hub:4.4.0\n  name: k8s-hub\n- image: traefik:v2.11.0\n  name: traefik\n",
    '- {"image": "jupyterhub/k8s-hub:1", "name": "k8s-hub"}\n',
)
DOCKERFILES = (
    b"FROM quay.io/jupyterhub/k8s-hub:3.2.1\nUSER root\nRUN pip install a==1\nUSER ${NB_USER}\n",
    b"""\
# syntax=docker/dockerfile:1
ARG HUB=3.2.1
FROM --platform=linux/amd64 \\
  jupyterhub/k8s-hub:${HUB:-1} AS base
FROM base
COPY --from=base <<EOF /x
FROM not
EOF
""",
    b"# escape=`\nARG V=1\nFROM quay.io/jupyterhub/k8s-hub:$V@sha256:" + b"0" * 64 + b"\n",
)
REQUIREMENTS = (
    b"dependencies:\n  - name: jupyterhub\n    version: 3.2.1 # pinned\n    repository: https://charts.test/\n",
    b"apiVersion: v2\nname: hub\ndependencies:\n- {name: jupyterhub, version: '3.2.1', alias: hub, repository: '@a'}\n",
)
RANGES = ("~3.2", ">=3.2.1 <4, != 3.3 || v4.x", "3.2 - 4.0.0-0.dev.git.7272.h2ff70453")
MARKED = ('version = "3.2.1" # not 3.2.0', "> v3.2", "# renovate: datasource=helm depName=jupyterhub", ">=3.2 <4")
CHARTPRESS = (
    (CAL_ICOR / "chartpress.yaml").read_bytes(),
    b"""\
charts:
- name: hub
  imagePrefix: quay.io/org/
  baseVersion: minor
  images:
    hub:
      contextPath: images/hub
      dockerfilePath: images/hub/Dockerfile
      rebuildOnContextPathChanges: false
      skipPlatforms: [linux/arm64]
      valuesPath: [jupyterhub.hub.image, c]
      buildArgs: {TAG: '{TAG}'}
      extraBuildCommandOptions: [--label=a=b, --pull]
      paths: [a, b]
""",
)
VALUES = (
    b"jupyterhub:\n  hub:\n    image:\n      name: quay.io/org/hub\n      tag: '1.10' # build\n    config: {a: 1}\n",
    b"jupyterhub: {hub: {image: &i {name: a, tag: b}}}\nother: *i\n",
    b"jupyterhub:\n  hub:\n    image: >-\n      quay.io/org/hub:1\n\n  b: |\n    text\n",
)
SETTINGS = (
    b"""\
tasks: {auto_dash_names: false}
hub:
  tag: '{chart_version}-{commit}'
  images: [hub]
  push: false
  values: [{file: a.yaml, path: a.b, image: hub}]
  platform: linux/amd64
""",
)
TEMPLATES = ("{TAG}-{LAST_COMMIT}", "{{}} {TAG!r:>10}", "{TAG[0].x}", "plain")
DOCKER_CONFIG: Json = {
    "auths": {"quay.io": {"auth": "cm9iaW46dHVsaXA="}, "https://index.docker.io/v1/": {}},
    "credHelpers": {"us-docker.pkg.dev": "gcloud"},
    "credsStore": "desktop",
}
_CONFIG: Json = {
    "architecture": "amd64",
    "os": "linux",
    "config": {"Labels": {"org.opencontainers.image.revision": "abc"}},
    "rootfs": {"type": "layers", "diff_ids": [_DIGEST, _OTHER]},
}
_ENTRY: Json = {
    "mediaType": MANIFEST,
    "digest": _OTHER,
    "size": 9,
    "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"},
}
_ATTESTATION: Json = {"digest": _DIGEST, "platform": {"os": "unknown", "architecture": "unknown"}}
_MANIFEST: Json = {
    "schemaVersion": 2,
    "mediaType": MANIFEST,
    "config": {"digest": _DIGEST, "size": 9},
    "layers": [{"digest": _OTHER, "size": 9}],
}
_INDEX: Json = {"schemaVersion": 2, "mediaType": DOCKER_INDEX, "manifests": [_ENTRY, _ATTESTATION]}
ANSWERS: tuple[Json, ...] = (
    _MANIFEST,
    _INDEX,
    _CONFIG,
    {"token": "abc", "access_token": "abc", "expires_in": 300},
    {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown", "detail": {"Tag": "1"}}]},
)
HEADERS = (
    'Bearer realm="https://auth.test/token",service="registry.test",scope="repository:hub:pull"',
    'Basic realm="hub"',
    "https://storage.test/blob?sig=abc",
    "/v2/hub/blobs/uploads/1?_state=abc",
    _DIGEST,
)
CREDENTIAL_FILES = (
    b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIEowIBAAKC\n-----END RSA PRIVATE KEY-----\n",
    b"machine charts.test login robin password tulip\n",
    b'[remote "origin"]\n\turl = https://robin:tulip@git.test/a\n\textraheader = AUTHORIZATION: basic dHVsaXA=\n',
    b"[default]\naws_secret_access_key = tulip\npassword = tulip\n",
    b"users:\n- name: robin\n  user: {token: tulip}\n",
    b"# ours\nexport GITHUB_TOKEN='tulip-garden'\n",
)
_RESOURCE = "projects/p/locations/us/repositories/r"
WORDS = (
    f'ERROR: denied: Permission "artifactregistry.uploadArtifacts" denied on "{_RESOURCE}" (or it may not exist)\n',
    'error getting credentials - err: exec: "docker-credential-gcloud": executable file not found in $PATH, out: ``\n',
    "ERROR: registry.test/hub:1: not found\n",
    " ! [rejected]        main -> main (fetch first)\nerror: failed to push some refs to 'https://robin:tulip@git.test'\n",
    "fatal: unable to access 'https://robin:tulip@git.test/hub.git/': The requested URL returned error: 403\n",
)
REFERENCES = (
    "quay.io/jupyterhub/k8s-hub:4.4.0",
    "127.0.0.1:5000/a/b_c--d.e",
    f"jupyterhub/k8s-hub:1@{_DIGEST}",
    "[::1]:5000/hub",
    "localhost/hub:x",
)
REMOTES = (
    "git@github.com:org/hubs.git",
    "https://robin:tulip@git.example:8443/org/hubs.git",
    "ssh://git@ssh.github.com:443/org/hubs",
    "git@bitbucket.org:org/hubs.git",
    "../hubs.git",
    "http://[::1]:3000/a/b",
)
ADDRESSES = (
    "https://robin:tulip@charts.test/a?sig=abc",
    "file:///srv/charts",
    "../charts/index.yaml",
    "http://[::1]:80/",
    "//other.test/x",
    "oci://quay.io/charts",
)


def archives() -> SearchStrategy[bytes]:
    """Return archives of a chart, whole, with files that are damaged or misnamed."""
    names = st.one_of(
        st.sampled_from(["jupyterhub/values.yaml", "jupyterhub/Chart.yaml"]), damaged_text("a/values.yaml")
    )
    values = damaged([b"hub:\n  image:\n    name: quay.io/jupyterhub/k8s-hub\n    tag: '4.4.0'\n"])
    return st.lists(st.builds(entry, names, values), max_size=3).map(lambda members: archive(*members))


def hub_files() -> SearchStrategy[dict[str, bytes]]:
    """Return the files of a hub repository, one of them damaged."""
    whole = {
        "chartpress.yaml": CHARTPRESS[1:],
        "hub/Chart.yaml": (b"name: hub\n",),
        "hub/requirements.yaml": REQUIREMENTS[:1],
        "hub/values.yaml": VALUES[:1],
        "images/hub/Dockerfile": DOCKERFILES[:1],
    }
    good = {name: files[0] for name, files in whole.items()}
    return st.sampled_from(sorted(whole)).flatmap(
        lambda name: damaged(whole[name]).map(lambda data: {**good, name: data})
    )
