"""Cityscapes: 19 classes of street scenes are scored, out of 34 label ids."""

from __future__ import annotations

from mutualseg.data.catalog.entry import Entry, parse_classes
from mutualseg.data.mask_codes import IGNORE, MaskCode

_CLASSES, _COLORS = parse_classes("""
128 64 128 road
244 35 232 sidewalk
70 70 70 building
102 102 156 wall
190 153 153 fence
153 153 153 pole
250 170 30 traffic light
220 220 0 traffic sign
107 142 35 vegetation
152 251 152 terrain
70 130 180 sky
220 20 60 person
255 0 0 rider
0 0 142 car
0 0 70 truck
0 60 100 bus
0 80 100 train
0 0 230 motorcycle
119 11 32 bicycle
""")
_LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""Label id of each class; the other ids up to 33 are not scored. A license plate's -1 is never drawn."""

_IGNORED = dict.fromkeys((*range(34), IGNORE), IGNORE)
CITYSCAPES = Entry(
    _CLASSES,
    _COLORS,
    MaskCode.of_values(_IGNORED | {label: index for index, label in enumerate(_LABEL_IDS)}),
)
"""Masks as they are published, *_gtFine_labelIds.png."""

CITYSCAPES_TRAIN_IDS = Entry(_CLASSES, _COLORS)
"""Masks that the data set's own scripts have mapped, *_gtFine_labelTrainIds.png."""
