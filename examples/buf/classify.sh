#!/bin/sh
# Classifies a photo: ./classify.sh photo.jpg cat dog car
protos=$(dirname "$0")/../../proto
failed=$(mktemp)
trap 'rm -f "$failed"' EXIT

classify() {
  photo=$1
  shift
  base64 < "$photo" | tr -d '\n' |
    jq -Rs '{contents: [{image: {data: .}}], labels: {labels: ($ARGS.positional | map({name: .}))}}' --args "$@" |
    buf curl --schema "$protos" --http2-prior-knowledge --protocol grpc --data @- \
      "http://${SAMEKIND_SERVER:-localhost:50051}/samekind.v1.ClassificationService/Classify" 2> "$failed"
}

# An error of the call has its details packed; one of a single content has them as JSON.
explain() {
  jq -r .message "$failed" 2> /dev/null || cat "$failed"
  jq -r '.details[]? | "\(.type) \(.value)"' "$failed" | while read -r type value; do
    printf %s "$value" | base64 -d 2> /dev/null | buf convert "$protos" --type "$type" --from -#format=bin
    echo
  done
}

if answer=$(classify "$@"); then
  printf %s "$answer" | jq -r '.results[] | (.classification.scores[]? | "\(.probability) \(.label)"), (.error // empty)'
else
  explain >&2
  exit 1
fi
