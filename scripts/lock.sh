#!/bin/sh
# Resolve pyproject.toml into requirements.lock, for every platform and Python >= 3.11, with hashes.
# uv lives in a folder of its own and only as long as this runs: nobody but the one who locks needs it.
# Usage: scripts/lock.sh PYTHON [options of `uv pip compile`, such as --upgrade]
set -eu

python=$1
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

"$python" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check 'uv>=0.9'
"$folder/bin/uv" pip compile pyproject.toml --quiet --output-file requirements.lock \
    --universal --python-version 3.11 --all-extras --group dev --group bench \
    --generate-hashes --no-emit-index-url --no-annotate --no-header "$@"
