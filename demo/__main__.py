"""`make demo`: start the stack, drop a synthetic survey into the bucket, and wait until the map shows the ground."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from cogmill.config.settings import load_settings as load_program_settings
from cogmill.domain.errors import CogmillError

from demo import maps, screenshots
from demo.screenshots import OUT
from demo.stack import Stack, load_settings
from demo.stack.__main__ import addresses
from demo.survey.generate import generate
from demo.survey.manifest import Manifest
from demo.survey.other_site import in_layout_of_site, place_of_site

PATIENCE_S = 420
"""Seconds until the demo gives up waiting for the map."""


def main() -> int:
    """Run the demo; returns the exit code."""
    begun = time.monotonic()
    stack = Stack(load_settings())
    try:
        load_program_settings()  # with them its site file
        stack.start()
        survey = generate(
            stack.paths.root / "survey", say=lambda line: print(f"  {line}", flush=True), place=place_of_site()
        )
        survey = in_layout_of_site(survey)
        drop(stack, survey)
        wrong = look(stack, survey)
        take_picture(stack)
    except (CogmillError, FileExistsError) as err:
        print(f"cogmill: {err}", file=sys.stderr)
        return 1
    farewell(stack, survey, time.monotonic() - begun)
    return 1 if wrong else 0


def drop(stack: Stack, survey: Manifest) -> None:
    """Upload like staff: every file under its key, and nothing else."""
    client = stack.s3_client()
    for item in survey.items:
        client.upload_file(str(survey.path(item)), **stack.settings.place.at(item.key))
    print(f"Dropped {len(survey.items)} files into the bucket. From here on nobody does anything.", flush=True)


def look(stack: Stack, survey: Manifest) -> list[str]:
    """Wait for each map, compare it with the ground, save a picture; return the collections that are not right."""
    landscape = survey.landscape
    deadline = time.monotonic() + PATIENCE_S
    OUT.mkdir(exist_ok=True)
    wrong = []
    for collection_id, frames in survey.collections.items():
        service = maps.Service(stack, collection_id, frames)
        seconds = service.wait(landscape, max(1.0, deadline - time.monotonic()))
        verdict = service.verdict(landscape, service.overview(), OUT / f"{collection_id}.png")
        print(f"{'right' if verdict.is_right else 'WRONG'} {collection_id}: {verdict} ({seconds:.0f} s)", flush=True)
        wrong += [] if verdict.is_right else [collection_id]
    return wrong


def take_picture(stack: Stack) -> None:
    """Save a picture of the viewer, where there is a browser."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("No picture of the viewer: there is no chromium here.", flush=True)
        return
    screenshots.shoot_viewer(chromium, stack.viewer_url, {"viewer": OUT / "viewer.png"})


def farewell(stack: Stack, survey: Manifest, seconds: float) -> None:
    """Say where to look now."""
    pictures = [str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path) for path in [OUT]]
    services = "\n".join(f"  {stack.wms_url(collection_id)}" for collection_id in survey.collections)
    rejected = next(item.collection_id for item in survey.items if item.reason)
    print(
        f"\nDone in {seconds:.0f} s. Pictures of every map: {pictures[0]}/\n{addresses(stack)}\nServices:\n{services}\n"
        f"Look at the archive: {stack.viewer_url}\n"
        f"One frame without a coordinate system was rejected; see rejected_frames in the run of {rejected}."
    )


if __name__ == "__main__":
    sys.exit(main())
