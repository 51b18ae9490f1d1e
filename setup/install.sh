#!/usr/bin/env bash
# Brings a bare Debian 12 or 13 to the point where the embedded stack and the tests run: packages, then .venv.
# Safe to repeat: when nothing of its inputs changed it ends at once. Root, or a user who may sudo.
#
#   setup/install.sh            what the demo and the tests need
#   setup/install.sh browser    also Chromium, for the tests in a browser and the screenshots
#   setup/install.sh clients    also QGIS and JOSM, for `make clients`; words may be combined
#   COGMILL_SETUP_FORCE=1 ...   again, whatever the stamp says
set -euo pipefail
cd "$(dirname "$0")/.."

readonly venv=.venv
readonly stamp=$venv/.setup-stamp

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# shellcheck disable=SC1091
. /etc/os-release
[ "${ID:-}" = debian ] || die "made for Debian 12 and 13, this is ${PRETTY_NAME:-unknown}; install the packages of setup/packages.sh by hand"
. setup/packages.sh
for wish in "$@"; do
  case "$wish" in
    browser) packages+=(chromium) ;;
    clients) packages+=(qgis python3-qgis josm xvfb) ;;
    *) die "knows browser and clients, not $wish" ;;
  esac
done
[ -n "$postgis" ] || die "made for Debian 12 and 13, this is ${PRETTY_NAME:-Debian}"

root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo > /dev/null || die "needs root or sudo"
  root=(sudo)
fi

inputs() {
  cat setup/install.sh setup/packages.sh setup/*.lock requirements.lock pyproject.toml include/site.yaml
  pwd
  printf '%s\n' "$VERSION_ID" "$(/usr/bin/python3 --version 2>&1)" "$(gdal-config --version 2>&1)"
}
digest() { inputs | sha256sum | cut -d' ' -f1; }

missing_packages() {
  local name
  for name in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2> /dev/null)" = installed ] || printf '%s\n' "$name"
  done
}

mapfile -t missing < <(missing_packages)
if [ -z "${COGMILL_SETUP_FORCE:-}" ] && [ "${#missing[@]}" -eq 0 ] && [ "$(cat "$stamp" 2> /dev/null)" = "$(digest)" ]; then
  say "nothing to do"
  exit 0
fi

# Debian starts servers when it installs them. The stack runs its own, on its own ports; so no package may start one now.
# Services that already run are left alone: the policy file exists only during this installation.
install_packages() {
  local policy=/usr/sbin/policy-rc.d ours=() unit
  [ -e /usr/sbin/nginx ] || ours+=(nginx.service)
  [ -e /usr/lib/postgresql ] || ours+=(postgresql.service)
  if ! [ -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" > /dev/null
    "${root[@]}" chmod 0755 "$policy"
    trap '"${root[@]}" rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  # PostgreSQL would make a cluster of its own; ours is private to the stack.
  if ! [ -e /etc/postgresql-common/createcluster.conf ]; then
    "${root[@]}" mkdir -p /etc/postgresql-common
    printf 'create_main_cluster = false\n' | "${root[@]}" tee /etc/postgresql-common/createcluster.conf > /dev/null
  fi
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq -o DPkg::Lock::Timeout=300
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 \
    -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 "$@" < /dev/null
  # Nor may they start with the next boot, when it was we who brought them.
  for unit in "${ours[@]}"; do
    ! command -v systemctl > /dev/null || "${root[@]}" systemctl disable --quiet "$unit" 2> /dev/null || true
  done
}

if [ "${#missing[@]}" -gt 0 ]; then
  say "Debian packages: ${missing[*]}"
  install_packages "${missing[@]}"
fi

say "Python packages into $venv"
[ -x "$venv/bin/python" ] || /usr/bin/python3 -m venv "$venv"
# What the builds of GDAL and rasterio need must be there first: they are built without isolation, so that both meet the
# numpy they will run with. This and all that follows is taken by hash: from any index or mirror, but no other file than was locked.
"$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r setup/build.lock
export VIRTUAL_ENV=$PWD/$venv UV_NO_PROGRESS=1
pip() { "$venv/bin/uv" pip "$@"; }

# numpy's headers must stand before /usr/include: Debian keeps those of an older numpy there.
numpy_headers=$("$venv/bin/python" -c 'import numpy; print(numpy.get_include())')
export CFLAGS="-I$numpy_headers" CXXFLAGS="-I$numpy_headers"
gdal_version=$(gdal-config --version)

# A wheel built against another numpy or GDAL must not come from uv's cache: the key of the cache knows neither.
build_gdal() {
  local wanted=("GDAL==$gdal_version") lock=$venv/.gdal.lock
  if grep "^gdal==$gdal_version " setup/gdal.lock > "$lock"; then
    wanted=(--require-hashes -r "$lock")
  else
    say "setup/gdal.lock has no hash for GDAL $gdal_version: its bindings are taken unverified"
  fi
  pip install -q --no-build-isolation --no-cache --no-deps "${wanted[@]}"
}
build_rest() {
  local again=()
  [ "$(rasterio_gdal)" = "$gdal_version" ] || again=(--reinstall-package rasterio)
  pip install -q --require-hashes -r requirements.lock --no-build-isolation-package rasterio --no-binary rasterio \
    --refresh-package rasterio "${again[@]}"
}
rasterio_gdal() { "$venv/bin/python" -c 'import rasterio; print(rasterio.__gdal_version__)' 2> /dev/null || true; }
build_gdal & gdal=$!
build_rest & rest=$!
wait "$gdal" || die "the GDAL bindings could not be built against libgdal $gdal_version"
wait "$rest" || die "requirements.lock could not be installed"

# The project itself, from its source folders: what is edited there is what runs.
pip install -q --no-deps -e .

# Without them frames in old datums are placed less accurately, and everything else works.
"${root[@]}" env PYTHONDONTWRITEBYTECODE=1 "$venv/bin/cogmill" site grids || say "go on without these grids; \`$venv/bin/cogmill site grids\` tries again"

"$venv/bin/python" - "$gdal_version" << 'CHECK'
import sys

from osgeo import gdal, gdal_array
import rasterio

wanted = sys.argv[1]
found = {"osgeo": gdal.__version__, "rasterio": rasterio.__gdal_version__}
wrong = {name: version for name, version in found.items() if version != wanted}
sys.exit(f"setup: libgdal is {wanted}, but {wrong}" if wrong or not gdal_array else 0)
CHECK

digest > "$stamp"
say "done: libgdal $gdal_version, $("$venv/bin/python" --version)"
