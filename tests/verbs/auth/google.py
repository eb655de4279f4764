"""Google, as far as gcloud asks for it when it signs in a service account: a token server on loopback."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from ...support.cli import sh
from ...support.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

HOST = "us-central1-docker.pkg.dev"
ACCOUNT = "hub-builder@cal-icor-hubs.iam.gserviceaccount.com"
# What gcloud's credential helper names as the user of every token.
USER = "_dcgcloud_token"
TOKEN = "ya29.made-up-access-token"
# https://www.rfc-editor.org/rfc/rfc6749#section-5.2, with Google's own subtype.
REAUTH = {"error": "invalid_grant", "error_description": "reauth related error", "error_subtype": "invalid_rapt"}
# `gcloud` answers for Google's hosts alone: this asks it for one of them, whatever Docker asks for.
HELPER = f"""\
cat >/dev/null
echo {HOST} | docker-credential-gcloud get
"""


@dataclass
class TokenServer:
    """Gives access tokens to service accounts.

    Attributes:
        address: where it is asked.
        refusal: what it says instead of a token.
        asked: how often it was asked.
    """

    address: str
    refusal: Mapping[str, str] = field(default_factory=dict)
    asked: int = 0


@contextmanager
def token_server() -> Iterator[TokenServer]:
    """Serve tokens on a free port of 127.0.0.1 for as long as the block runs."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        opened = TokenServer(f"http://127.0.0.1:{server.server_port}/token")
        server.tokens = opened  # type: ignore[attr-defined]
        with serving(server):
            yield opened


def key_file(folder: Path, tokens: str) -> Path:
    """Write the key file of a service account whose tokens come from the address ``tokens``."""
    key = {
        "type": "service_account",
        "project_id": "cal-icor-hubs",
        "private_key_id": "1",
        "private_key": sh("openssl", "genrsa", "2048", cwd=folder),
        "client_email": ACCOUNT,
        "client_id": "1",
        "token_uri": tokens,
    }
    file = folder / "key.json"
    file.write_text(json.dumps(key))
    return file


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        tokens: TokenServer = self.server.tokens  # type: ignore[attr-defined]
        tokens.asked += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        # Short-lived, so that gcloud does not keep it for the next time.
        content: Mapping[str, object] = tokens.refusal or {
            "access_token": TOKEN,
            "expires_in": 1,
            "token_type": "Bearer",
        }
        body = json.dumps(content).encode()
        self.send_response_only(400 if tokens.refusal else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""
