"""Static files about raw scans that no georeferenced frame goes with: part of the archive, without a place on the map."""
