"""Credential files: known for what they are, and never put into an image or a commit."""

import base64
import json
from typing import Any

import pytest

from tasks.image.credentials import LARGEST, credential_in
from tests.support.charts import CAL_ICOR
from tests.support.cli import run_task, succeed
from tests.support.hubs import Hub
from tests.support.machine import PROJECT
from tests.support.steps import set_image
from tests.support.world import ended, fault, nothing_written

PEM = "-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----\n"
BODY = base64.b64encode(bytes(range(48))).decode()
KEY = PEM.format(kind="", body=BODY)
PIP = "a package index's password"
CLOUD, REGISTRY, AWS = "credentials of Google Cloud", "a registry's password", "a key of AWS"
SERVICE_ACCOUNT = {"type": "service_account", "project_id": "hubs", "private_key_id": "4711", "private_key": KEY}
USER = {"type": "authorized_user", "client_id": "a.apps", "client_secret": "tulip", "refresh_token": "1//tulip"}
FEDERATION = {"type": "external_account", "audience": "//iam.test/pool", "credential_source": {"url": "https://a.test"}}
LOGIN = base64.b64encode(b"robin:tulip").decode()
NETRC = "machine charts.test\n  login robin\n  password tulip\n"
AWS_KEY = "[default]\naws_access_key_id = AKIA4711\naws_secret_access_key = tulip/garden\n"
KUBECONFIG = "apiVersion: v1\nkind: Config\nusers:\n- name: robin\n  user:\n    token: tulip\n"
PUTTY = "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: hub\nPrivate-Lines: 1\nAAAA\nPrivate-MAC: 00\n"
CHECKED_OUT = '[http "https://github.com/"]\n\textraheader = AUTHORIZATION: basic dHVsaXA=\n'


def with_token(file: dict[str, Any]) -> dict[str, Any]:
    source = {**file["credential_source"], "headers": {"Authorization": "Bearer tulip"}}
    return {**file, "credential_source": source}


CREDENTIALS = {
    "private key": ("id_ed25519", PEM.format(kind="OPENSSH ", body=BODY), "a private key"),
    "private key in a program": ("sign.py", f'KEY = """\n{KEY}"""\n', "a private key"),
    "private key in YAML": (
        "config.yaml",
        f"proxy:\n  key: |\n    {KEY.replace(chr(10), chr(10) + '    ')}",
        "a private key",
    ),
    "private key in JSON": ("config.json", json.dumps({"tls": [KEY]}), "a private key"),
    "service account, its signs escaped": (
        "key.json",
        json.dumps(SERVICE_ACCOUNT).replace("service_account", "service\\u005faccount").replace("/", "\\/"),
        CLOUD,
    ),
    "variables, a value with escapes": (".env", "TOKEN=tulip\\new\\garden\n", "a secret variable"),
    "key of age": ("keys.txt", f"# created: 2024\nAGE-SECRET-KEY-1{'Q' * 58}\n", "a private key"),
    "key of PuTTY": ("hub.ppk", PUTTY, "a private key"),
    "pip's index": ("pip.conf", "[global]\nindex-url = https://robin:tulip@pypi.test/\n", "a package index's password"),
    "npm": (".npmrc", "//npm.test/:_authToken=npm-tulip\n", "a package registry's token"),
    "kubeconfig of another name": ("prod-kubeconfig.yaml", KUBECONFIG, "a cluster's credentials"),
    "service account": ("hub-4711.json", json.dumps({**SERVICE_ACCOUNT, "private_key": "MII"}, indent=2), CLOUD),
    "user of gcloud": ("adc.json", json.dumps(USER), CLOUD),
    "google-github-actions/auth": ("gha-creds-0a1b2c.json", json.dumps(with_token(FEDERATION)), CLOUD),
    "Docker's configuration": (
        ".docker/config.json",
        json.dumps({"auths": {"hub.test": {}, "a.test": {"auth": LOGIN}}}),
        REGISTRY,
    ),
    "netrc": (".netrc", NETRC, "a web server's password"),
    "git's store": (".git-credentials", "https://robin:tulip@github.com\n", "git's password"),
    "git's settings": (".git/config", '[remote "origin"]\n\turl = https://robin:tulip@git.test/a\n', "git's password"),
    "git's settings after actions/checkout": (".git/config", CHECKED_OUT, "git's password"),
    "git's store, a token alone": (".git-credentials", f"https://ghp_{'a' * 36}:@a.test\n", "git's password"),
    "pip's index, a password with a colon": ("pip.ini", "index-url = https://u:tu:lip@a.test/\n", PIP),
    "variables, a value with quotes inside": (".env", "DB_PASSWORD=tu\"lip'garden\n", "a secret variable"),
    "variables, a name with a point": (".env", "db.password=tulip-garden\n", "a secret variable"),
    "pypirc": (".pypirc", "[pypi]\nusername = __token__\npassword = pypi-tulip\n", "a package index's password"),
    "AWS": (".aws/credentials", AWS_KEY, AWS),
    "kubeconfig": (".kube/config", KUBECONFIG, "a cluster's credentials"),
    "variables": (".env", "# ours\nPORT=8000\nexport GITHUB_TOKEN='tulip-garden'\n", "a secret variable"),
}
NO_CREDENTIALS = {
    "text about keys": ("README.md", "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n"),
    "public key": ("key.pem", PEM.format(kind="", body=BODY).replace("PRIVATE", "PUBLIC")),
    "certificate": ("ca.pem", KEY.replace("PRIVATE KEY", "CERTIFICATE")),
    "key that is cut off": ("key.pem", KEY.partition("-----END")[0]),
    "service account, an example": ("key.json", json.dumps({**SERVICE_ACCOUNT, "private_key": "<YOUR KEY>"})),
    "service account, encrypted with sops": (
        "gha-creds-1.json",
        json.dumps({"data": "ENC[AES256_GCM,data:0a]", "sops": {"version": "3.9"}}),
    ),
    "service account, its values encrypted": ("key.json", json.dumps({**SERVICE_ACCOUNT, "private_key": "ENC[AES]"})),
    "federation without a token": ("gha-creds-1.json", json.dumps(FEDERATION)),
    "federation from Azure": (
        "pool.json",
        json.dumps({**FEDERATION, "credential_source": {"headers": {"Metadata": "True"}}}),
    ),
    "Docker's configuration without passwords": (
        "config.json",
        json.dumps({"auths": {"a.test": {}}, "credHelpers": {"hub.test": "gcloud"}}),
    ),
    "settings of a program": ("config.json", json.dumps({"type": "object", "auths": ["a"], "password": {}})),
    "netrc without a password": (".netrc", "machine charts.test login robin"),
    "remote without a password": (".git/config", '[remote "origin"]\n\turl = ssh://git@github.com/a\n\tfetch = [::\n'),
    "pypirc without a password": (".pypirc", "[distutils]\nindex-servers = pypi\n"),
    "no INI file": (".aws/credentials", "aws_secret_access_key: tulip\n"),
    "kubeconfig with a helper": ("kubeconfig", "users:\n- user: {exec: {command: gke-gcloud-auth-plugin}}\n"),
    "kubeconfig that is none": ("kubeconfig.yaml", "users: [*nobody]"),
    "variables": (".env", "TOKEN=\nPASSWORD=$PASSWORD\nKEY=short\nNAME=tulip-garden\n#TOKEN=tulip-garden\nx\n"),
    "variables, an example": (".env.example", "TOKEN=tulip-garden\n"),
    "another file with a login in it": ("notes.txt", NETRC),
    "JSON that is none": ("a.json", '{"auths": '),
    "JSON deeper than one can read": ("a.json", '{"a":' * 10_000),
    "nothing": ("gha-creds-1.json", ""),
    "no content": ("gha-creds-1.json", '{"type": ""}'),
    "escapes that are none": ("a.json", '"\\u00zz \\ud800 C:\\new PRIVATE KEY'),
    "something large": ("id_rsa", KEY + "#" * LARGEST),
}


@pytest.mark.parametrize(("name", "text", "kind"), CREDENTIALS.values(), ids=CREDENTIALS)
def test_a_credential_file_is_known(name: str, text: str, kind: str) -> None:
    assert credential_in(name, text.encode()) == kind
    assert credential_in(f"images/hub/{name}", text.encode()) == kind


@pytest.mark.parametrize(("name", "text"), NO_CREDENTIALS.values(), ids=NO_CREDENTIALS)
def test_another_file_is_none(name: str, text: str) -> None:
    assert credential_in(name, text.encode()) is None


def test_no_file_of_a_hub_repository_is_taken_for_one() -> None:
    folders = (PROJECT / "hub", PROJECT / "images", PROJECT / "docs", CAL_ICOR)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if credential_in(str(path), path.read_bytes())] == []


# -- in a build context

NAME = "gha-creds-0a1b2c.json"
FILE = f"images/hub/{NAME}"
REFUSED = (
    f"the build context holds {CLOUD} ({FILE})",
    f"anyone with the image can read it: git rm --cached -- {FILE}, commit that, and mount it in the cluster",
)


@pytest.mark.engine
def test_a_credential_file_that_is_committed_stops_the_run(hub: Hub) -> None:
    """As google-github-actions/auth leaves it in a clone."""
    hub.put(FILE, json.dumps(with_token(FEDERATION)))
    for typed in ("build --no-push", "--dry build", "build --force", "release --yes --push"):
        with nothing_written(hub):
            done = run_task(*typed.split(), cwd=hub.path)
        assert (done.code, done.out) == (1, ""), done
        assert fault(done) == REFUSED
    hub.put(".gitignore", "gha-creds-*.json\n")
    hub.git("rm", "--quiet", "--cached", "--", FILE)
    hub.git("commit", "--quiet", "--message", "Keep credentials out of the image")
    succeed("--dry", "build", cwd=hub.path)


@pytest.mark.engine
def test_what_a_filter_decrypts_on_its_way_into_the_context_stops_the_build(hub: Hub) -> None:
    # A STAND-IN for git-crypt: git keeps what cannot be read, and a checkout has the key in it.
    hub.git("config", "filter.git-crypt.clean", "printf '\\0GITCRYPT\\0'; base64")
    hub.git("config", "filter.git-crypt.smudge", "tail -c +11 | base64 -d")
    hub.write(".gitattributes", "images/** filter=git-crypt\nimages/hub/Dockerfile !filter\n")
    hub.put("images/hub/id_rsa", KEY)
    told = ended(run_task("build", cwd=hub.path))
    assert told[:2] == (1, "the build context holds a private key (images/hub/id_rsa)")


@pytest.mark.engine
def test_a_key_in_a_named_build_context_stops_the_run(hub: Hub) -> None:
    set_image(hub, 'extraBuildCommandOptions: ["--build-context=keys=keys"]')
    hub.put("keys/id_rsa", KEY)
    told = ended(run_task("--dry", "build", cwd=hub.path))
    assert told[:2] == (1, "the build context holds a private key (keys/id_rsa)")
