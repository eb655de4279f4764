"""Move a Zero to JupyterHub hub image from release to release."""

import sys

if sys.platform in ("win32", "cygwin", "msys"):
    # Before the rooms are imported: Windows has no locks, sessions or sh as they use them.
    refusal = "hub images cannot be built on Windows directly"
    sys.exit(f"error: {refusal}\nhint: run it in WSL with Docker Desktop's WSL integration: wsl --install")
try:
    from invoke.collection import Collection

    from .auth import auth
    from .build import build
    from .bump import bump
    from .check import check
    from .commit import commit
    from .core.output import mask_records, prepare_streams
    from .doctor import doctor
    from .init import init
    from .preview import preview
    from .rehearse import rehearse
    from .release import release
    from .status import status
except KeyboardInterrupt:
    # Ctrl-C before a task: nothing was done, and a traceback would not help.
    sys.exit(130)

mask_records()
prepare_streams()
ns = Collection(auth, bump, build, check, commit, doctor, init, preview, rehearse, release, status)
