"""Values of the archive, keys of the bucket, states and errors. Imports nothing of the program but itself."""
