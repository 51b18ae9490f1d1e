"""What `airflow providers` shows of Cogmill; the package's entry point `apache_airflow_provider`."""

from __future__ import annotations

from typing import Any

INTEGRATION = "Cogmill"
_PACKAGE = __name__.rpartition(".")[0]


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, in the form of Airflow's `provider_info.schema.json`."""
    return {
        "package-name": "cogmill",
        "name": INTEGRATION,
        "description": "Turns an archive of historical aerial photographs into web map services.",
        "integrations": [{"integration-name": INTEGRATION, "tags": ["service"]}],
        "operators": _modules(
            "operators.archive_index",
            "operators.backfill",
            "operators.base",
            "operators.collection",
            "operators.maintenance",
            "operators.mapfiles",
            "operators.rejections",
            "operators.reports",
            "operators.uploads",
        ),
        "sensors": _modules("sensors.uploads"),
        "triggers": _modules("triggers.uploads"),
        "bundles": _modules("bundle"),
        "notifications": [f"{_PACKAGE}.observability.notifications.DigestNotifier"],
        "extra-links": [
            f"{_PACKAGE}.operators.links.WmsCapabilitiesLink",
            f"{_PACKAGE}.operators.links.MapPreviewLink",
            f"{_PACKAGE}.operators.links.CollectionRunLink",
            f"{_PACKAGE}.operators.links.RunReportLink",
        ],
    }


def _modules(*names: str) -> list[dict[str, Any]]:
    return [{"integration-name": INTEGRATION, "python-modules": [f"{_PACKAGE}.{name}" for name in names]}]
