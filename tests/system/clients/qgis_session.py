"""QGIS, run by Debian's own Python: opens layers as its users do, draws each, and asks one for what lies at a place.

`qgis_session.py WANTED FOLDER`: WANTED is a JSON file (`layers`: source and provider by name; `layer_file`; `center`, `bounds`: EPSG:3857;
`side`: pixels; `asked`: the layer that is asked). A picture of each layer and `told.json` go into FOLDER.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from qgis.core import (
    Qgis,
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsLayerDefinition,
    QgsMapLayer,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsPointXY,
    QgsProject,
    QgsRaster,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QEventLoop, QSize


def main(wanted: dict, folder: Path) -> None:
    opened = {name: open_layer(name, *about) for name, about in wanted["layers"].items()}
    opened |= {f"qlr {layer.name()}": layer for layer in layers_of_file(wanted["layer_file"])}
    bounds = QgsRectangle(*wanted["bounds"])
    for name, layer in opened.items():
        draw(layer, bounds, wanted["side"], folder / f"{name}.png")
    told = {
        "version": Qgis.version(),
        "invalid": {name: layer.error().summary() for name, layer in opened.items() if not layer.isValid()},
        "identified": identify(opened[wanted["asked"]], QgsPointXY(*wanted["center"]), bounds, wanted["side"]),
        "layers": sorted(opened),
    }
    (folder / "told.json").write_text(json.dumps(told), encoding="utf-8")


def open_layer(name: str, source: str, provider: str) -> QgsMapLayer:
    kind = QgsVectorLayer if provider == "ogr" else QgsRasterLayer
    return kind(source, name, provider)


def layers_of_file(path: str) -> list[QgsMapLayer]:
    project = QgsProject.instance()
    loaded, error = QgsLayerDefinition.loadLayerDefinition(path, project, project.layerTreeRoot())
    if not loaded:
        sys.exit(f"QGIS does not open {path}: {error}")
    return list(project.mapLayers().values())


def draw(layer: QgsMapLayer, bounds: QgsRectangle, side: int, picture: Path) -> None:
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
    settings.setExtent(bounds)
    settings.setOutputSize(QSize(side, side))
    job, loop = QgsMapRendererParallelJob(settings), QEventLoop()
    job.finished.connect(loop.quit)
    job.start()
    loop.exec_()
    job.renderedImage().save(str(picture))


def identify(layer: QgsRasterLayer, place: QgsPointXY, bounds: QgsRectangle, side: int) -> list[dict]:
    """Return the attributes of the features at a place, as the tool *Identify Features* asks for them."""
    found = layer.dataProvider().identify(place, QgsRaster.IdentifyFormatFeature, bounds, side, side)
    if not found.isValid():
        sys.exit(f"QGIS cannot identify: {found.error().summary()}")
    stores = [store for answer in found.results().values() for store in answer]
    return [
        {field.name(): feature[field.name()] for field in feature.fields()}
        for store in stores
        for feature in store.features()
    ]


if __name__ == "__main__":
    application = QgsApplication([], False)  # noqa: FBT003  no window; QGIS names no parameter
    application.initQgis()
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]))
    sys.stdout.flush()
    os._exit(0)  # layers that Python still holds make QGIS crash while it ends, after all is written
