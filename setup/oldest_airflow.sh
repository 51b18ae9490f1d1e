#!/usr/bin/env bash
# Makes .venv-oldest-airflow beside .venv: the same packages, but of Airflow and its providers the oldest that requirements.txt
# allows. For `make test-oldest-airflow`; quick when nothing of its inputs changed.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly venv=.venv-oldest-airflow airflow=3.3.0
readonly stamp=$venv/.setup-stamp
export VIRTUAL_ENV=$PWD/$venv UV_NO_PROGRESS=1
pip() { .venv/bin/uv pip "$@"; }

digest() { cat setup/oldest_airflow.sh requirements.txt requirements-dev.txt .venv/.setup-stamp | sha256sum | cut -d' ' -f1; }
[ "$(cat "$stamp" 2> /dev/null)" != "$(digest)" ] || exit 0

rm -rf "$venv"
.venv/bin/uv venv -q --python /usr/bin/python3 "$venv"
# Built for this machine's libgdal and the locked numpy; the same files serve here.
for name in osgeo osgeo_utils GDAL gdal rasterio; do
  find .venv/lib/python3*/site-packages -maxdepth 1 \( -name "$name" -o -name "$name-*.dist-info" -o -name "$name-*.egg-info" \) \
    -exec cp -a {} "$(echo "$venv"/lib/python3*/site-packages)" \;
done
# What else Cogmill asks for as it is locked, so that a failure has one cause; Airflow chooses what it needs itself.
grep -ohE '^[a-z][a-z0-9-]*' requirements.txt requirements-dev.txt | grep -vE '^(apache-airflow.*|rasterio)$' > "$venv/ours.txt"
pip freeze --python .venv/bin/python --exclude-editable | grep -F '==' \
  | awk -F '==' 'NR == FNR { ours[$1]; next } $1 in ours' "$venv/ours.txt" - > "$venv/locked.txt"
{ echo "apache-airflow==$airflow"; sed -n 's/^\(apache-airflow-providers-[a-z]*\)>=\(.*\)/\1==\2/p' requirements.txt; } > "$venv/oldest.txt"
pip install -q -r requirements-dev.txt -c "$venv/locked.txt" -c "$venv/oldest.txt"
pip install -q --no-deps -e .
digest > "$stamp"
pip list | grep '^apache-airflow'
