"""Write a COG and verify it: overviews, layout, tags, every block of every level."""
