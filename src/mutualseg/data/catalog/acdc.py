"""ACDC: three structures of the heart in gray slices of magnetic resonance images."""

from __future__ import annotations

from mutualseg.data.catalog.entry import Entry, parse_classes

# The data set prescribes no colors.
_CLASSES, _COLORS = parse_classes("""
0 0 0 background
0 114 178 right ventricle
0 158 115 myocardium
213 94 0 left ventricle
""")

ACDC = Entry(_CLASSES, _COLORS)
