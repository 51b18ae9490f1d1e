"""JOSM on a screen of its own, steered from outside as web sites do it: by its remote control."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from PIL import Image, ImageGrab

from demo.stack.temporary_stack import free_ports
from demo.survey.landscape import AUSTIN
from tests.system.probes import wait_until

PROGRAM = "/usr/share/josm/josm.jar"
START_S = 120
AROUND = 0.005
"""Degrees on each side of the middle of a map."""


@dataclass(frozen=True)
class Josm:
    """A running JOSM."""

    port: int
    display: str

    def say(self, command: str, **words: object) -> None:
        """Send a command of the remote control; JOSM reads an address up to the end, so `url` comes last."""
        httpx.get(
            f"http://127.0.0.1:{self.port}/{command}", params=words, trust_env=False, timeout=60
        ).raise_for_status()

    def mark_the_middle(self) -> None:
        """Draw a point in the middle of the photograph."""
        point = (
            f"<osm version='0.6' upload='never'><node id='-1' version='1' lat='{AUSTIN.lat}' lon='{AUSTIN.lon}'/></osm>"
        )
        self.say("load_data", new_layer="true", data=point)

    def move_to_the_middle(self) -> None:
        """Move the map; JOSM does so by itself, too, a while after it has loaded data or a layer."""
        west, south, east, north = AUSTIN.lon - AROUND, AUSTIN.lat - AROUND, AUSTIN.lon + AROUND, AUSTIN.lat + AROUND
        self.say("zoom", left=west, bottom=south, right=east, top=north)

    def screen(self) -> Image.Image:
        return ImageGrab.grab(xdisplay=self.display)

    def answers(self) -> bool:
        try:
            self.say("version")
        except httpx.HTTPError:
            return False
        return True


@contextmanager
def josm(home: Path) -> Iterator[Josm]:
    """Start JOSM, without its website and its plugins; its settings and its log go into `home`."""
    (port,) = free_ports(1)
    settings = {"remotecontrol.enabled": "true", "remote.control.port": port, "remotecontrol.always-confirm": "false"}
    with _screen() as display, (home / "josm.log").open("wb") as log:
        running = subprocess.Popen(
            ["java", f"-Djosm.home={home}", "-jar", PROGRAM, "--skip-plugins", "--offline=josm_website,osm_api", "--language=en",
             "--geometry=1300x900+0+0", *(f"--set={name}={value}" for name, value in settings.items())],
            env={**os.environ, "DISPLAY": display, "HOME": str(home)}, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            started = Josm(port, display)
            wait_until(started.answers, START_S)
            yield started
        finally:
            running.terminate()
            running.wait(30)


@contextmanager
def _screen() -> Iterator[str]:
    """Start an X server without a screen; yield its name."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1400x1000x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as told:
            yield f":{told.readline().strip()}"
    finally:
        server.terminate()
        server.wait(30)
