"""The benchmark of GetMap: 10 to 10,000 frames behind S3's latency, beside MapServer's plain tile index, titiler and GDAL's GTI."""
