"""Arrays in memory or on disk, masks, polygons and threads; knows nothing of GDAL data sets."""
