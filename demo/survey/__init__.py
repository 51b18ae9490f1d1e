"""A made-up survey over a known landscape: frames as a flight of 1951 would have brought them home, and the truth to compare maps with."""
