"""Presets by name, shipped with the package."""
