"""The words of advice by language: those of the site, where there is a translation, else English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cogmill.domain.errors import ADVICE, Reason
from cogmill.domain.layout.kinds import CHANNELS, Bands


@dataclass(frozen=True, slots=True)
class AdviceWords:
    """Sentences in one language."""

    reasons: Mapping[Reason, str]
    move: str
    """With `{key}`, the key to which to move the upload."""
    rename: str
    """With `{key}` and `{detail}`, what is wrong with its name."""
    format: str
    """With `{label}` and `{format}`, what a file is."""
    folders: str
    """With `{layout}`, the keys of georeferenced frames, and `{scans}`."""
    scans: str
    """With `{scanned}` and `{georef}`, the folders of the stages."""
    bands: str
    """With `{folders}`, a list of `{channels} below {folder}/`."""
    below: str
    both: str
    """What joins the parts of a list."""
    channels: Mapping[Bands, str]


ENGLISH = AdviceWords(
    reasons=ADVICE,
    move="Move it to {key}.",
    rename="Move it to {key} and rename it: {detail}.",
    format="Export it as GeoTIFF and upload that; {label} is only taken as a georeferenced frame, where the site file says so (formats: [{format}]).",
    folders="Move the file to {layout}{scans}.",
    scans=", a raw scan with {scanned}/ in place of {georef}/",
    bands="Put {folders}, or export with the right number of bands.",
    below="{channels} below {folder}/",
    both=" and ",
    channels=CHANNELS,
)

GERMAN = AdviceWords(
    reasons={
        Reason.WRONG_FOLDER: "Verschieben Sie die Datei in den Ordner, in den sie gehört.",
        Reason.BAD_NAME: "Benennen Sie die Datei nach dem Muster ihres Ordners um, und laden Sie sie noch einmal hoch.",
        Reason.DUPLICATE_NAME: "Löschen Sie die falsche der beiden Dateien, die sich nur in der Endung, in Groß- und Kleinbuchstaben ihres Ordners oder in der Speicherung der Umlaute unterscheiden; ist es die auf der Karte, so tritt die andere innerhalb von zwei Nächten an ihre Stelle.",
        Reason.EMPTY: "Die Datei ist leer; kopieren Sie sie noch einmal, und warten Sie das Ende ab.",
        Reason.NOT_A_GEOTIFF: "Exportieren Sie das Raster als GeoTIFF (nicht als Bild, VRT oder anderes Format mit der Endung .tif), und laden Sie es noch einmal hoch.",
        Reason.TRUNCATED: "Die Datei endet zu früh; kopieren Sie sie noch einmal vom Original, und vergleichen Sie die Größen.",
        Reason.UNREADABLE_BLOCK: "Ein Teil des Bildes ist nicht lesbar; exportieren Sie das Raster noch einmal vom Original, und laden Sie es hoch.",
        Reason.NO_CRS: "Exportieren Sie das Raster noch einmal mit seinem Koordinatensystem in der Datei, am besten EPSG:3857 oder EPSG:4326.",
        Reason.NOT_GEOREFERENCED: "Die Datei hat keine Lage auf dem Boden; georeferenzieren Sie sie, und exportieren Sie sie als GeoTIFF.",
        Reason.NO_TRANSFORMATION: "Ihr Koordinatensystem lässt sich hier nicht genau genug umrechnen; exportieren Sie das Raster in EPSG:3857 oder EPSG:4326.",
        Reason.WRONG_BANDS: "Exportieren Sie mit der richtigen Zahl von Kanälen, oder legen Sie die Datei in den Ordner ihrer Kanäle.",
        Reason.WRONG_DEPTH: "Exportieren Sie das Raster mit 8 Bit je Kanal, oder legen Sie für diese Sammlung fest, wie ihre Werte skaliert werden.",
        Reason.TOO_LARGE: "Das Bild ist größer, als diese Installation annimmt; zerschneiden Sie es in Kacheln, und laden Sie diese hoch.",
        Reason.TOO_HEAVY: "Das Lesen dieses Bildes brauchte zu viel Speicher oder Zeit; exportieren Sie es als einfaches gekacheltes GeoTIFF, oder zerschneiden Sie es in Kacheln.",
        Reason.ALL_BLANK: "Das Bild zeigt nichts, nur einen Wert oder kein gültiges Pixel; exportieren Sie es noch einmal, und sehen Sie es vor dem Hochladen an.",
        Reason.OUTSIDE_AREA: "Es liegt außerhalb des Gebiets dieses Archivs; prüfen Sie das Koordinatensystem, das beim Export gewählt wurde.",
        Reason.BEYOND_WEB_MERCATOR: "Webkarten enden bei 85,06 Grad nördlicher und südlicher Breite und sind bei 180 Grad Länge geschnitten; schneiden Sie das Raster dort, und laden Sie die Teile hoch.",
        Reason.SEVERAL_PAGES: "Die Datei enthält mehrere Bilder; exportieren Sie jedes als eigenes GeoTIFF.",
        Reason.CRASHED_READER: "Das Lesen dieser Datei brach ab; exportieren Sie sie noch einmal als einfaches gekacheltes GeoTIFF.",
        Reason.NOT_AS_IT_IS: "Eine Karte kann dieses COG nicht zeigen, wie es ist; starten Sie dafür den DAG adopt mit *built again*, der aus seinen Pixeln ein COG macht.",
    },
    move="Verschieben Sie sie nach {key}.",
    rename="Verschieben Sie sie nach {key}, und benennen Sie sie um: {detail}.",
    format="Exportieren Sie es als GeoTIFF, und laden Sie dieses hoch; {label} wird nur als georeferenzierte Aufnahme angenommen, und nur wo die Site-Datei es zulässt (formats: [{format}]).",
    folders="Verschieben Sie die Datei nach {layout}{scans}.",
    scans=", einen Rohscan mit {scanned}/ anstelle von {georef}/",
    bands="Es gehören {folders}; sonst exportieren Sie mit der richtigen Zahl von Kanälen.",
    below="{channels} unter {folder}/",
    both=" und ",
    channels={
        Bands.BW: "Graustufen mit einem Kanal",
        Bands.NC: "Farbe mit drei Kanälen",
        Bands.CIR: "Infrarot mit drei Kanälen",
    },
)

_LANGUAGES = {"de": GERMAN}


def words_of(language: str) -> AdviceWords:
    """Return the words of a language.

    Args:
        language: A tag such as `de` or `de-AT`; of others the words are English.

    >>> words_of("de-AT").move.format(key="x.tif"), words_of("fr").move.format(key="x.tif")
    ('Verschieben Sie sie nach x.tif.', 'Move it to x.tif.')
    """
    return _LANGUAGES.get(language.partition("-")[0].lower(), ENGLISH)
