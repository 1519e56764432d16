"""CamVid: 32 labels of street videos, of which the literature makes 11 classes."""

from __future__ import annotations

from mutualseg.data.catalog.entry import Entry, parse_classes
from mutualseg.data.mask_codes import IGNORE, Color, MaskCode

_CLASSES, _COLORS = parse_classes("""
128 128 128 sky
128 0 0 building
192 192 128 pole
128 64 128 road
0 0 192 pavement
128 128 0 tree
192 128 128 sign
64 64 128 fence
64 0 128 car
64 64 0 pedestrian
0 128 192 bicyclist
""")

LABELS: dict[str, tuple[Color, str | None]] = {
    "Animal": ((64, 128, 64), "pedestrian"),
    "Archway": ((192, 0, 128), "building"),
    "Bicyclist": ((0, 128, 192), "bicyclist"),
    "Bridge": ((0, 128, 64), "building"),
    "Building": ((128, 0, 0), "building"),
    "Car": ((64, 0, 128), "car"),
    "CartLuggagePram": ((64, 0, 192), "pedestrian"),
    "Child": ((192, 128, 64), "pedestrian"),
    "Column_Pole": ((192, 192, 128), "pole"),
    "Fence": ((64, 64, 128), "fence"),
    "LaneMkgsDriv": ((128, 0, 192), "road"),
    "LaneMkgsNonDriv": ((192, 0, 64), "road"),
    "Misc_Text": ((128, 128, 64), "sign"),
    "MotorcycleScooter": ((192, 0, 192), "bicyclist"),
    "OtherMoving": ((128, 64, 64), "car"),
    "ParkingBlock": ((64, 192, 128), "pavement"),
    "Pedestrian": ((64, 64, 0), "pedestrian"),
    "Road": ((128, 64, 128), "road"),
    "RoadShoulder": ((128, 128, 192), "pavement"),
    "Sidewalk": ((0, 0, 192), "pavement"),
    "SignSymbol": ((192, 128, 128), "sign"),
    "Sky": ((128, 128, 128), "sky"),
    "SUVPickupTruck": ((64, 128, 192), "car"),
    "TrafficCone": ((0, 0, 64), "pole"),
    "TrafficLight": ((0, 64, 64), "sign"),
    "Train": ((192, 64, 128), "car"),
    "Tree": ((128, 128, 0), "tree"),
    "Truck_Bus": ((192, 128, 192), "car"),
    "Tunnel": ((64, 0, 64), "building"),
    "VegetationMisc": ((192, 192, 0), "tree"),
    "Void": ((0, 0, 0), None),
    "Wall": ((64, 192, 0), "building"),
}
"""Color and class of each label; None is ignored."""

CAMVID = Entry(
    _CLASSES,
    _COLORS,
    MaskCode.of_colors(
        {color: IGNORE if name is None else _CLASSES.index(name) for color, name in LABELS.values()}
    ),
)
"""Masks as they were published, RGB images."""

CAMVID_SEGNET = Entry(
    _CLASSES,
    _COLORS,
    MaskCode.of_values({index: index for index in range(11)} | {11: IGNORE, IGNORE: IGNORE}),
)
"""Masks of SegNet's edition: indices, 11 is void."""
