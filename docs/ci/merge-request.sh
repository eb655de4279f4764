#!/usr/bin/env bash
# Opens the merge request that a release's report tells of, or updates the open one: ci/merge-request.sh release.json
# If that was closed, it does nothing.
# Runs in GitLab CI, whose variables it reads, and HUB_TOKEN. Boxes that reviewers ticked stay ticked, labels and
# reviewers that people added stay; reviewers are asked when it is opened.
set -euo pipefail

report="$1"
requests="$CI_API_V4_URL/projects/$CI_PROJECT_ID/merge_requests"

ask() {
  curl --fail-with-body --silent --show-error --header "PRIVATE-TOKEN: $HUB_TOKEN" "$@"
}

send() {
  ask --header "Content-Type: application/json" --data @- "$@" | jq --raw-output .web_url
}

# The ids of users by their names; GitLab knows reviewers by nothing else.
ids() {
  while read -r name; do
    id="$(ask --get --data-urlencode "username=$name" "$CI_API_V4_URL/users" | jq '.[0].id // empty')"
    [ -n "$id" ] && echo "$id" || echo "warning: GitLab has no user $name (hub.reviewers)" >&2
  done | jq --slurp .
}

if ! jq --exit-status .pull_request "$report" >/dev/null; then
  exit 0
fi
branch="$(jq --raw-output .branch "$report")"
text="$(jq '.pull_request | {title, description: .body}' "$report")"
labels="$(jq '.pull_request.labels' "$report")"
# The open one, else the newest; those of forks are other people's.
request="$(ask --get --data-urlencode "source_branch=$branch" "$requests" |
  jq --argjson project "$CI_PROJECT_ID" \
    'map(select(.source_project_id == $project)) | (map(select(.state == "opened")) + .)[0]')"
state="$(jq --raw-output .state <<<"$request")"
if [ "$state" = closed ]; then
  echo "The merge request of $branch was closed: to go on, reopen it" >&2
elif [ "$state" != opened ]; then
  reviewers="$(jq --raw-output '.pull_request.reviewers[]' "$report" | ids)"
  jq --argjson text "$text" --argjson labels "$labels" --argjson reviewers "$reviewers" \
    '{source_branch: .branch, target_branch: .pull_request.base, labels: ($labels | join(",")),
      reviewer_ids: $reviewers} + $text' "$report" |
    send "$requests"
elif ! jq --exit-status --argjson text "$text" --argjson labels "$labels" \
  '([., $text] | map([.title, (.description // "" | gsub("\\[[xX]\\]"; "[ ]") | gsub("\\s+$"; ""))]) | .[0] == .[1])
    and $labels - .labels == []' <<<"$request" >/dev/null; then
  jq --argjson labels "$labels" '. + {add_labels: ($labels | join(","))}' <<<"$text" |
    send --request PUT "$requests/$(jq .iid <<<"$request")"
fi
