#!/usr/bin/env bash
# Builds GDAL's Python bindings and rasterio against the system's libgdal, in an environment that exists already, and then
# installs whatever else is named, as pip would.
#
#   setup/gdal.sh PYTHON [ARGUMENTS OF pip install ...]
#   setup/gdal.sh .venv/bin/python -r requirements.txt
#   setup/gdal.sh /opt/airflow/bin/python cogmill-0.2.0-py3-none-any.whl
#
# Needs libgdal-dev and g++ (Debian) or what brings gdal-config elsewhere. Why not pip alone: the bindings must have the version
# of libgdal and meet the numpy they will run with, and the rasterio of the index carries a second libgdal.
set -euo pipefail
die() { printf 'gdal: %s\n' "$*" >&2; exit 1; }

[ $# -ge 1 ] || die "usage: setup/gdal.sh PYTHON [ARGUMENTS OF pip install ...]"
readonly python=$1
shift
"$python" -m pip --version > /dev/null 2>&1 || die "$python has no pip (python3 -m venv, or uv venv --seed, makes one with it)"
command -v gdal-config > /dev/null || die "no gdal-config: install libgdal-dev (Debian, Ubuntu) or gdal-devel (Fedora)"
libgdal=$(gdal-config --version)
readonly libgdal

pip() { "$python" -m pip install -q --disable-pip-version-check "$@"; }
libgdal_of() { "$python" -c "$1" 2> /dev/null || true; }
readonly bindings='from osgeo import gdal, gdal_array; print(gdal.__version__)'
readonly rasterio='import rasterio; print(rasterio.__gdal_version__)'
is_there() { [ "$(libgdal_of "$bindings")" = "$libgdal" ] && [ "$(libgdal_of "$rasterio")" = "$libgdal" ]; }

build() {
  # setuptools 80 ended what the older of the two builds with.
  pip "numpy>=2,<3" "setuptools<80" wheel "cython>=3.1"
  # numpy's headers must stand before /usr/include, where Debian keeps those of an older numpy: bindings built with them do not load.
  # CPPFLAGS reaches C and C++ whatever the version of setuptools; CFLAGS no longer reaches C++, in which the bindings are written.
  CPPFLAGS="-g0 -I$("$python" -c 'import numpy; print(numpy.get_include())') ${CPPFLAGS:-}" \
    pip --no-build-isolation --no-cache-dir --no-binary GDAL,rasterio --force-reinstall --no-deps \
    "GDAL==$libgdal.*" "rasterio>=1.4.4,<1.6"
  pip "rasterio>=1.4.4,<1.6" # what it needs itself
}

is_there || build
if [ $# -gt 0 ]; then
  constraint=$(mktemp)
  trap 'rm -f "$constraint"' EXIT
  echo "GDAL==$libgdal.*" > "$constraint"
  pip --no-binary rasterio -c "$constraint" "$@"
fi
# An argument such as --force-reinstall has built them anew, without numpy.
is_there || build
is_there || die "the bindings or rasterio do not load with libgdal $libgdal: $("$python" -c "$bindings; $rasterio" 2>&1 | tail -1)"
printf 'gdal: bindings and rasterio use libgdal %s\n' "$libgdal"
