"""Stand-ins for gcloud and its credential helper: they write down how they are called, and answer as told."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .processes import write_program

_GCLOUD = """\
# A stand-in for gcloud: no account of anybody's is touched.
here=$(dirname "$0")
{ printf '%s\\n' "$#" "$@"; } >> "$here/calls"
env > "$here/environment"
case "$1 $2" in
  "auth list") cat "$here/account" ;;
  "auth login") test -e "$here/refuses" && exit 1
    account=robin@hub.example
    case "$3" in --cred-file=*) account=$(sed -n 's/.*"client_email": "\\([^"]*\\)".*/\\1/p' "${3#*=}") ;; esac
    test -e "$here/stays" || echo "$account" > "$here/account"
    test -e "$here/silent" || touch "$here/signed-in" ;;
  "auth application-default") touch "$here/application-default" ;;
  "auth configure-docker") test -e "$here/refuses" && { echo "ERROR: (gcloud) no" >&2; exit 1; }
    case "$3" in --*) ;; *) python3 "$here/configure.py" "$3" ;; esac ;;
esac
exit 0
"""
_HELPER = """\
# A stand-in for gcloud's Docker helper.
here=$(dirname "$0")
host=$(cat)
echo "helper $1 $host" >> "$here/helper-calls"
test -e "$here/signed-in" || { echo "no credentials" >&2; exit 1; }
test -e "$here/answer" && exec cat "$here/answer"
echo '{"Username": "_dcgcloud_token", "Secret": "ya29.tulip-token-4719"}'
"""
_CONFIGURE = """\
import json, os, pathlib, sys
path = pathlib.Path(os.environ["DOCKER_CONFIG"]) / "config.json"
content = json.loads(path.read_text())
content.setdefault("credHelpers", {}).update(dict.fromkeys(sys.argv[1].split(","), "gcloud"))
path.write_text(json.dumps(content))
"""
SECRET = "ya29.tulip-token-4719"


@dataclass(frozen=True)
class GcloudStandIn:
    """A folder for the front of PATH, with a stand-in gcloud."""

    folder: Path

    @classmethod
    def install(cls, folder: Path) -> GcloudStandIn:
        """Write the stand-ins; no account is signed in."""
        write_program(folder, "gcloud", _GCLOUD)
        write_program(folder, "docker-credential-gcloud", _HELPER)
        (folder / "account").touch()
        (folder / "configure.py").write_text(_CONFIGURE)
        return cls(folder)

    @property
    def env(self) -> dict[str, str]:
        return {"PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}"}

    @property
    def calls(self) -> list[str]:
        """How gcloud was called, as one would paste it, the first call first."""
        path = self.folder / "calls"
        lines = iter(path.read_text().splitlines() if path.exists() else [])
        return [shlex.join(["gcloud", *(next(lines) for _ in range(int(count)))]) for count in lines]

    @property
    def helper_calls(self) -> list[str]:
        path = self.folder / "helper-calls"
        return path.read_text().splitlines() if path.exists() else []

    def sign_in(self, account: str = "robin@hub.example") -> None:
        (self.folder / "account").write_text(f"{account}\n")
        (self.folder / "signed-in").touch()

    def expire(self) -> None:
        """Let the account stay in the list, and its credentials be worth nothing any more."""
        (self.folder / "signed-in").unlink()

    def answer(self, user: str, secret: str) -> None:
        """Let the helper answer with a login of somebody's."""
        (self.folder / "answer").write_text(json.dumps({"Username": user, "Secret": secret}))

    def let(self, how: str) -> None:
        """Let sign-ins fail (``refuses``), bring no credentials (``silent``), or not change the account (``stays``)."""
        (self.folder / how).touch()


def configure_docker(content: Mapping[str, object]) -> None:
    """Set keys of Docker's own configuration in the test's home."""
    path = Path(os.environ["DOCKER_CONFIG"]) / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **content}))
