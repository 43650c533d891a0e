#!/bin/sh
# Build a wheel, install it with nothing but what reading needs into an empty environment, and use it there.
set -eu
: "${PYTHON:=python3}" "${CONSTRAINTS:=requirements.lock}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
quiet="--quiet --disable-pip-version-check"
"$PYTHON" -m pip wheel $quiet --no-deps --wheel-dir "$folder" .
"$PYTHON" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install $quiet --constraint "$CONSTRAINTS" "$folder"/inkdigits-*.whl
mkdir "$folder/pictures"
cp examples/drawing.png "$folder/pictures/five.png"
cd "$folder" # so that nothing of the repository is imported
test "$(venv/bin/inkdigits read pictures/five.png)" = 5
test "$(venv/bin/python -c 'import inkdigits; print(inkdigits.Reader().read("pictures/five.png").digits[0].label)')" = 5
venv/bin/inkdigits predict pictures -o found.csv >/dev/null
if venv/bin/inkdigits train 2>error.txt; then exit 1; fi
grep -q "inkdigits\[train\]" error.txt
