#!/usr/bin/env bash
# A Docker Engine for the tests, on machines where none runs: Debian's docker.io with a socket, a process id file and a
# data folder of its own, so that nothing of it is left behind.
#
#   docker/engine.sh start    print the DOCKER_HOST to use; the running engine's when there is one
#   docker/engine.sh stop     end the engine that `start` started, and no other
#   docker/engine.sh clean    the same, and remove its images and volumes
#
# COGMILL_DOCKER_HOME   folder of everything the engine keeps; default /var/tmp/cogmill-docker
set -euo pipefail

readonly home=${COGMILL_DOCKER_HOME:-/var/tmp/cogmill-docker}
readonly socket=unix://$home/docker.sock
readonly pid_file=$home/dockerd.pid

die() { printf 'engine: %s\n' "$*" >&2; exit 1; }

ours_runs() { [ -S "$home/docker.sock" ] && DOCKER_HOST=$socket docker info > /dev/null 2>&1; }

install_engine() {
  command -v dockerd > /dev/null && return
  [ "$(id -u)" -eq 0 ] || die "no Docker Engine; install docker.io and docker-compose, or run as root"
  local policy=/usr/sbin/policy-rc.d
  if ! [ -e "$policy" ]; then
    # The package would start the machine-wide engine; ours is private.
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 0755 "$policy"
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  apt-get update -qq -o DPkg::Lock::Timeout=300 >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
    docker.io docker-compose iptables >&2 < /dev/null
}

start_engine() {
  if [ -z "${COGMILL_DOCKER_HOME:-}" ] && docker info > /dev/null 2>&1; then
    printf '%s\n' "${DOCKER_HOST:-unix:///var/run/docker.sock}"
    return
  fi
  if ! ours_runs; then
    install_engine
    mkdir -p "$home"
    # setsid: an interrupted test must still be able to stop its containers.
    setsid dockerd --data-root "$home/data" --exec-root "$home/exec" --host "$socket" --pidfile "$pid_file" \
      > "$home/dockerd.log" 2>&1 < /dev/null &
    for _ in $(seq 60); do
      ours_runs && break
      sleep 1
    done
    ours_runs || die "dockerd does not answer; see $home/dockerd.log"
  fi
  printf '%s\n' "$socket"
}

stop_engine() {
  [ -s "$pid_file" ] || return 0
  local pid
  pid=$(cat "$pid_file")
  kill "$pid" 2> /dev/null || return 0
  for _ in $(seq 60); do
    kill -0 "$pid" 2> /dev/null || return 0
    sleep 1
  done
  die "dockerd ($pid) does not end"
}

case "${1:-}" in
  start) start_engine ;;
  stop) stop_engine ;;
  clean) stop_engine; rm -rf "$home" ;;
  *) die "start, stop or clean?" ;;
esac
