"""Pascal VOC 2012: 20 kinds of objects and background; borders between them are ignored."""

from __future__ import annotations

from mutualseg.data.catalog.entry import Entry, parse_classes
from mutualseg.data.mask_codes import IGNORE, MaskCode

_CLASSES, _COLORS = parse_classes("""
0 0 0 background
128 0 0 aeroplane
0 128 0 bicycle
128 128 0 bird
0 0 128 boat
128 0 128 bottle
0 128 128 bus
128 128 128 car
64 0 0 cat
192 0 0 chair
64 128 0 cow
192 128 0 diningtable
64 0 128 dog
192 0 128 horse
64 128 128 motorbike
192 128 128 person
0 64 0 pottedplant
128 64 0 sheep
0 192 0 sofa
128 192 0 train
0 64 128 tvmonitor
""")
_BORDER = (224, 224, 192)

VOC = Entry(_CLASSES, _COLORS)
"""Masks of indices, 255 on borders: palette PNG in SegmentationClass, gray in SegmentationClassAug."""

VOC_COLORED = Entry(
    _CLASSES,
    _COLORS,
    MaskCode.of_colors({color: index for index, color in enumerate(_COLORS)} | {_BORDER: IGNORE}),
)
"""The same where the palette was lost and the masks are RGB images."""
