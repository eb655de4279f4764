"""Stands before gcloud on PATH: notes what it was asked and what it would upload, and ends as it is told."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

source = Path(sys.argv[3])
uploaded = {
    path.relative_to(source).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(source.rglob("*"))
    if path.is_file() and path.relative_to(source).parts[0] != ".git"
}
note = {"argv": sys.argv[1:], "uploaded": uploaded}
Path(os.environ["STAND_IN_NOTE"]).write_text(json.dumps(note), encoding="utf-8")
said = os.environ.get("STAND_IN_SAYS", "")
sys.stderr.write(said)
sys.exit(1 if said else 0)
