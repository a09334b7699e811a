#!/bin/sh
# Converges the cookbook in a folder that goes away again, and looks at what is there. Any user may run it.
set -eu

repository=$(dirname "$0")/../../..
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

run() {
    "${TOQUE:-toque}" "$@" @NAME@ --repo "$repository" --state-dir "$folder/state" -j - <<END
{ "@KEY@": { "folder": "$folder/made", "greeting": "Good evening" } }
END
}

run converge
grep '^Good evening from ' "$folder/made/hello.txt"

# A second run has nothing to do: otherwise the plan ends with 4, and the test with it.
run plan --detailed-exit-code
