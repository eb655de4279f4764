#!/usr/bin/env bash
# Opens the merge request that a release's report tells of, or updates the open one: ci/merge-request.sh release.json
# Runs in GitLab CI, whose variables it reads, and HUB_TOKEN. Boxes that reviewers ticked stay ticked.
set -euo pipefail

report="$1"
requests="$CI_API_V4_URL/projects/$CI_PROJECT_ID/merge_requests"

ask() {
  curl --fail-with-body --silent --show-error --header "PRIVATE-TOKEN: $HUB_TOKEN" "$@"
}

send() {
  ask --header "Content-Type: application/json" --data @- "$@" | jq --raw-output .web_url
}

if ! jq --exit-status .pull_request "$report" >/dev/null; then
  exit 0
fi
branch="$(jq --raw-output .branch "$report")"
text="$(jq '.pull_request | {title, description: .body}' "$report")"
labels="$(jq --raw-output '.pull_request.labels | join(",")' "$report")"
open="$(ask --get --data state=opened --data-urlencode "source_branch=$branch" "$requests" | jq '.[0]')"
if [ "$open" = null ]; then
  jq --argjson text "$text" --arg labels "$labels" \
    '{source_branch: .branch, target_branch: .pull_request.base, labels: $labels} + $text' "$report" |
    send "$requests"
elif ! jq --null-input --exit-status --argjson open "$open" --argjson text "$text" \
  '[$open, $text] | map([.title, (.description // "" | gsub("\\[[xX]\\]"; "[ ]") | gsub("\\s+$"; ""))]) | .[0] == .[1]' \
  >/dev/null; then
  send --request PUT "$requests/$(jq .iid <<<"$open")" <<<"$text"
fi
