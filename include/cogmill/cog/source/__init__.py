"""Open and inspect an upload: format, bands, coordinate reference system, extent, pixels."""
