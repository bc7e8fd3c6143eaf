#!/bin/sh
# Install every pinned version, then this project, with a PYTHON: what `make setup`, CI and the container run.
#   envs/install.sh PYTHON [--editable]
set -eu
cd "$(dirname "$0")/.."
python=$1
editable=${2:-}
"$python" -m pip install --quiet --requirement envs/requirements.lock
"$python" -m pip install --quiet --no-deps $editable . $editable plugins/napari-medscience
