"""Mapfiles and services: render a mapfile, verify it with the local MapServer, ask a published service."""
