#!/bin/sh
# Three processes, one after another, over one fresh file: each computes only what none before it has computed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

TROTH_URL="sqlite:///$folder/troth.db"
export TROTH_URL

run() {
    printf '\n# %s\n$ .venv/bin/python examples/factorial.py %s\n' "$2" "$1"
    .venv/bin/python examples/factorial.py "$1"
}

printf '$ export TROTH_URL=%s\n' "$TROTH_URL"
run 8 "Nothing is stored yet: every level is entered, once."
run 5 "A new process: the answer is in the file, nothing is entered."
run 10 "Only 10 and 9 are new; the rest is in the file."
