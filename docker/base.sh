#!/usr/bin/env bash
# Makes sure that a base image of Debian is there: pulled where a registry answers, else made by debootstrap and tagged with
# the same name, so that the recipes need not know.
#
#   docker/base.sh trixie debian:trixie-slim
#
# COGMILL_BASE_CA   a file with certificates of the site's own authority (default: SSL_CERT_FILE, when it is set). It is
#                   put into a locally made base alone, with the variables that make Python's tools look at it.
set -euo pipefail

readonly suite=$1 image=$2
readonly ca=${COGMILL_BASE_CA:-${SSL_CERT_FILE:-}}

docker image inspect "$image" > /dev/null 2>&1 && exit 0
docker pull -q "$image" 2> /dev/null && exit 0

if ! command -v debootstrap > /dev/null; then
  [ "$(id -u)" -eq 0 ] || { echo "base: no registry answers; install debootstrap, or run as root" >&2; exit 1; }
  apt-get update -qq -o DPkg::Lock::Timeout=300 >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 debootstrap >&2 < /dev/null
fi
echo "base: $image by debootstrap" >&2
root=$(mktemp -d /var/tmp/cogmill-base-XXXXXX)
# proc is mounted there by debootstrap and must not be walked into.
trap 'umount -l "$root/proc" 2> /dev/null || true; rm -rf --one-file-system "$root"' EXIT
debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" > "$root.log" 2>&1 \
  || { tail -5 "$root.log" >&2; exit 1; }
rm -f "$root.log"
umount -l "$root/proc" 2> /dev/null || true
# Updates come from where the base came from.
mirror=$(awk '$1 == "deb" {print $2; exit}' "$root/etc/apt/sources.list")
printf 'deb %s %s main\n' "$mirror" "$suite" "$mirror" "$suite-updates" "${mirror%/}-security" "$suite-security" \
  > "$root/etc/apt/sources.list"
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/archives/*.deb "$root"/usr/share/{doc,man,locale}/*

changes=(--change 'CMD ["bash"]')
if [ -n "$ca" ]; then
  cp "$ca" "$root/etc/ssl/certs/ca-certificates.crt"
  cp "$ca" "$root/usr/local/share/site-ca.pem"
  for name in SSL_CERT_FILE PIP_CERT REQUESTS_CA_BUNDLE NODE_EXTRA_CA_CERTS; do
    changes+=(--change "ENV $name=/usr/local/share/site-ca.pem")
  done
fi
tar --one-file-system --numeric-owner -C "$root" -c . | docker import "${changes[@]}" - "$image" > /dev/null
