"""The layout that counts where an archive declares none: that of the archive which Cogmill was made for."""

from __future__ import annotations

from cogmill.domain.layout.dates import DateRules
from cogmill.domain.layout.file_names import NameRule
from cogmill.domain.layout.folders import KeyPattern, PartRule, choice
from cogmill.domain.layout.kinds import Bands, Product, Stage
from cogmill.domain.layout.patterns import Pattern
from cogmill.domain.layout.rules import KeyLayout

AGENCIES_WITHOUT_ROLL = frozenset({"AMS", "USGS"})
"""Their frames are named `<date>_<frame>`; the roll is written as N/A."""

NOT_KNOWN = "N/A"
"""Value of the legacy columns where a name tells nothing."""

MULTIPLE = "MULTIPLE"
"""Date and roll of a mosaic."""

_BANDS = {Bands.BW: "bw", Bands.NC: "nc"}
_PRODUCTS = {product: str(product) for product in Product}
_STAGES = {stage: str(stage) for stage in (Stage.GEOREF, Stage.SCANNED)}
_STRATMAP = r"(?:[^/]*/)?stratmap(?:/[^/]*)?"
_ONE_WORD = "[^_]+"

_PARTS = {
    "bands": choice(tuple(_BANDS.values()), "bands"),
    "place": PartRule(
        "[A-Za-z][A-Za-z0-9]{0,39}",
        "County",
        checks=((rf"[^/]*|(?i:{_STRATMAP})", "two folders before the agency are only known for StratMap"),),
        most_folders=2,
        optional=True,
        says="{value} is not a county in letters and digits, at most with StratMap beside it",
    ),
    "agency": PartRule("[A-Za-z][A-Za-z0-9]{0,19}", "AGENCY"),
    "year": PartRule("[A-Za-z0-9]{1,20}", "year or mission code"),
    "product": choice(tuple(_PRODUCTS.values()), "product"),
    "stage": choice(tuple(_STAGES.values()), "stage"),
}

TEXAS = KeyLayout(
    bands=_BANDS,
    products=_PRODUCTS,
    stages=_STAGES,
    keys=(
        KeyPattern(
            "{bands}/{place}/{agency}_{year}/{product}/{stage}/{file}",
            _PARTS,
            shown="<bands>/<County>/<AGENCY>_<YYYY>/<product>/<stage>/<file>",
        ),
    ),
    names=(
        NameRule(
            (Pattern("{roll}_{frame}_{date}[_{epsg}]", {"epsg": _ONE_WORD}),),
            "is not <roll>_<frame>_<date>[_<epsg>]",
            place=_STRATMAP,
        ),
        NameRule(
            (Pattern("{date}_{frame}", {"frame": ".+"}),),
            "is not <date>_<frame>",
            products=frozenset({Product.FRAMES}),
            agencies=AGENCIES_WITHOUT_ROLL,
            fixed={"roll": NOT_KNOWN},
        ),
        NameRule(
            (Pattern("{date}_{roll}-{frame}", {"roll": ".+", "frame": "[^-]+"}),),
            "is not <date>_<roll>-<frame>",
            products=frozenset({Product.FRAMES}),
        ),
        NameRule(
            # agency and year of the sheet stand for roll and date; a scan is never cut into tiles
            (Pattern("{roll}_{date}_{frame}[_{dpi}][_{tile}]", {"dpi": "[^_]*(?i:dpi)[^_]*", "tile": _ONE_WORD}),),
            "is not <AGENCY>_<YYYY>_<sheet>[_<NNN>dpi][_<tile>]",
            products=frozenset({Product.INDEX}),
            scan=Pattern("{roll}_{date}_{frame}[_{dpi}]"),
        ),
        NameRule(
            (Pattern("{frame}mosaic{frame}", {"frame": ".*?"}, any_case=True),),
            "does not contain 'mosaic'",
            products=frozenset({Product.MOSAIC}),
            fixed={"date": MULTIPLE, "roll": MULTIPLE},
            has_scan=False,
        ),
    ),
    dates=DateRules(),
)
