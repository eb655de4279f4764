#!/usr/bin/env bash
# Moves the hub to the newest z2jh release, if it is not there yet, on the branch of an earlier run where there is one.
# If the pull request for that on GitHub was closed, it does nothing.
# Run it in a clean clone on the default branch; its arguments are those of `hubpress bump`.
set -euo pipefail

bump="$(hubpress --dry bump --json "$@")"
if jq --exit-status '.files == []' <<<"$bump" >/dev/null; then
  echo "$bump"
  exit
fi
branch="bump-z2jh-$(jq --raw-output .chart.after <<<"$bump")"
# If a branch is merged already, as after a revert, hubpress begins one with a number.
newest="$(git for-each-ref --format='%(refname)' refs/heads refs/remotes/origin |
  sed -nE "s,^refs/(heads|remotes/origin)/($branch(-[0-9]+)?)$,\2,p" | sort -V | tail -n 1)"
branch="${newest:-$branch}"
if command -v gh >/dev/null &&
  gh pr list --head "$branch" --state all --json state,isCrossRepository 2>/dev/null |
  jq --exit-status 'map(select(.isCrossRepository | not).state) |
    .[0] == "CLOSED" and index("OPEN") == null' >/dev/null; then
  echo "The pull request of $branch was closed: reopen it, or run hubpress release --pr" >&2
  echo "$bump"
  exit
fi
if git rev-parse --quiet --verify "refs/remotes/origin/$branch" >/dev/null; then
  # People may have rebased it.
  git switch --quiet --force-create "$branch" "origin/$branch"
elif [ -n "$newest" ]; then
  # The run was stopped before it pushed.
  git switch --quiet "$branch"
fi
hubpress release --yes --pr --json "$@"
