"""`python -m demo.stack start|stop|status|clean|logs`."""

from __future__ import annotations

import argparse
import sys
import time

from cogmill.domain.errors import CogmillError

from demo.stack.control import Stack, say
from demo.stack.settings import load_settings

VERBS = {
    "start": "start everything and wait until it answers; quick when it already runs",
    "stop": "stop everything; no process, mount or port stays",
    "status": "tell how each program is; exit code 1 unless all are healthy",
    "clean": "stop, then remove everything the stack wrote",
    "logs": "print the end of every log",
}


def main() -> int:
    """Carry out one verb."""
    parser = argparse.ArgumentParser(prog="python -m demo.stack", description="The embedded stack of Cogmill.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    for verb, text in VERBS.items():
        command = verbs.add_parser(verb, help=text)
        command.add_argument("--without-airflow", action="store_true", help="leave Airflow out")
    arguments = parser.parse_args()
    try:
        return act(Stack(load_settings(), airflow=not arguments.without_airflow), arguments.verb)
    except (CogmillError, FileExistsError) as err:
        print(f"cogmill: {err}", file=sys.stderr)
        return 1


def act(stack: Stack, verb: str) -> int:
    """Do what a verb says; returns the exit code."""
    begun = time.monotonic()
    if verb == "start":
        stack.start()
        say(f"The stack is up ({time.monotonic() - begun:.1f} s).\n{addresses(stack)}")
    elif verb == "stop":
        stack.stop()
        say(f"The stack is stopped ({time.monotonic() - begun:.1f} s).")
    elif verb == "clean":
        stack.clean()
        say(f"{stack.paths.root} is removed.")
    elif verb == "logs":
        for log in sorted(stack.paths.log.glob("*.log")):
            say(f"== {log.stem}{stack.health.cause(log.stem)}\n")
    else:
        states = stack.status()
        say("\n".join(f"{name:14} {state}" for name, state in states.items()))
        return 0 if all(state == "healthy" for state in states.values()) else 1
    return 0


def addresses(stack: Stack) -> str:
    """Return where to look, one line each."""
    settings = stack.settings
    lines = {
        "S3": f"{settings.s3_url} (bucket {' and '.join(side.bucket for side in settings.place.sides)})",
        "PostGIS": f"127.0.0.1:{settings.postgis_port} (database cogmill)",
        "Airflow": settings.airflow_url if stack.airflow else "not started",
        "MapServer": stack.wms_url("<id>"),
        "Viewer": f"{stack.viewer_url} (with the first publication)",
        "Logs": str(stack.paths.log),
    }
    return "\n".join(f"  {name:10} {text}" for name, text in lines.items())


if __name__ == "__main__":
    sys.exit(main())
