"""One uploaded frame to one verified Cloud-Optimized GeoTIFF. Knows no bucket and no database."""
