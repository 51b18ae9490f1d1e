"""Mapfiles: render one, draw it with the local MapServer, ask the live service."""
