"""Move a Zero to JupyterHub hub image from release to release."""
