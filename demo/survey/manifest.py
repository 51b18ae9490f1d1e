"""What a survey consists of, as plain values that go into a JSON file beside the pictures."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from cogmill.domain.model import Stage
from cogmill.domain.screening import stage_of

from demo.survey.landscape import AUSTIN, Landscape, Place

NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Item:
    """One file and where it is to be uploaded."""

    key: str
    """Key in the bucket."""
    file: str
    """Name of the local file in the survey's folder."""
    collection_id: str
    bands: int
    """1 for grey, 3 for colour."""
    outline: list[tuple[float, float]]
    """Outline of the photographed area in EPSG:3857; empty for scans and for frames that must be rejected."""
    gsd: float
    """Size of a pixel in EPSG:3857 units."""
    reason: str = ""
    """Why it must be rejected; empty for what must be drawn."""

    @property
    def is_scan(self) -> bool:
        """Whether this is a raw scan."""
        return stage_of(self.key.rpartition("/")[0]) is Stage.SCANNED


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generated survey."""

    folder: Path
    seed: int
    step: float
    """Grid of the landscape, EPSG:3857 units."""
    items: list[Item]
    place: Place = AUSTIN
    """Where it was flown."""

    @property
    def landscape(self) -> Landscape:
        """The ground that its photographs show."""
        return Landscape(self.seed, self.step, self.place)

    def path(self, item: Item) -> Path:
        """Return the local file of an item."""
        return self.folder / item.file

    @property
    def collections(self) -> dict[str, list[Item]]:
        """Collection id -> its frames that must be drawn, in drawing order: by key, the last one on top."""
        drawn = sorted((item for item in self.items if item.outline), key=lambda item: item.key)
        return {
            name: [i for i in drawn if i.collection_id == name] for name in sorted({i.collection_id for i in drawn})
        }

    def save(self, fingerprint: str) -> None:
        """Write the manifest, last: a folder with a manifest is complete."""
        values = {
            "fingerprint": fingerprint,
            "seed": self.seed,
            "step": self.step,
            "items": list(map(asdict, self.items)),
            "place": asdict(self.place),
        }
        (self.folder / NAME).write_text(json.dumps(values, indent=1))

    @classmethod
    def load(cls, folder: Path, fingerprint: str) -> Manifest | None:
        """Return the survey in a folder, or None when there is none, or another one."""
        if not (folder / NAME).exists():
            return None
        values = json.loads((folder / NAME).read_text())
        if values["fingerprint"] != fingerprint:
            return None
        items = [Item(**{**item, "outline": [tuple(p) for p in item["outline"]]}) for item in values["items"]]
        place = Place(**values["place"] | {"systems": tuple(values["place"]["systems"])})
        return cls(folder, values["seed"], values["step"], items, place)
