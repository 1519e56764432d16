"""COCO: 80 things, with one background, or with stuff of 53 (panoptic) or 91 kinds (COCO-Stuff)."""

from __future__ import annotations

from mutualseg.data.catalog import class_colors
from mutualseg.data.catalog.entry import Entry, parse_classes
from mutualseg.data.mask_codes import IGNORE, MaskCode

_THINGS, _THING_COLORS = parse_classes("""
220 20 60 person
119 11 32 bicycle
0 0 142 car
0 0 230 motorcycle
106 0 228 airplane
0 60 100 bus
0 80 100 train
0 0 70 truck
0 0 192 boat
250 170 30 traffic light
100 170 30 fire hydrant
220 220 0 stop sign
175 116 175 parking meter
250 0 30 bench
165 42 42 bird
255 77 255 cat
0 226 252 dog
182 182 255 horse
0 82 0 sheep
120 166 157 cow
110 76 0 elephant
174 57 255 bear
199 100 0 zebra
72 0 118 giraffe
255 179 240 backpack
0 125 92 umbrella
209 0 151 handbag
188 208 182 tie
0 220 176 suitcase
255 99 164 frisbee
92 0 73 skis
133 129 255 snowboard
78 180 255 sports ball
0 228 0 kite
174 255 243 baseball bat
45 89 255 baseball glove
134 134 103 skateboard
145 148 174 surfboard
255 208 186 tennis racket
197 226 255 bottle
171 134 1 wine glass
109 63 54 cup
207 138 255 fork
151 0 95 knife
9 80 61 spoon
84 105 51 bowl
74 65 105 banana
166 196 102 apple
208 195 210 sandwich
255 109 65 orange
0 143 149 broccoli
179 0 194 carrot
209 99 106 hot dog
5 121 0 pizza
227 255 205 donut
147 186 208 cake
153 69 1 chair
3 95 161 couch
163 255 0 potted plant
119 0 170 bed
0 182 199 dining table
0 165 120 toilet
183 130 88 tv
95 32 0 laptop
130 114 135 mouse
110 129 133 remote
166 74 118 keyboard
219 142 185 cell phone
79 210 114 microwave
178 90 62 oven
65 70 15 toaster
127 167 115 sink
59 105 106 refrigerator
142 108 45 book
196 172 0 clock
95 54 80 vase
128 76 255 scissors
201 57 1 teddy bear
246 0 122 hair drier
191 162 208 toothbrush
""")
_GAPS = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
"""Ids that no category has; 91 is one too."""
_STUFF = [
    "banner",
    "blanket",
    "branch",
    "bridge",
    "building-other",
    "bush",
    "cabinet",
    "cage",
    "cardboard",
    "carpet",
    "ceiling-other",
    "ceiling-tile",
    "cloth",
    "clothes",
    "clouds",
    "counter",
    "cupboard",
    "curtain",
    "desk-stuff",
    "dirt",
    "door-stuff",
    "fence",
    "floor-marble",
    "floor-other",
    "floor-stone",
    "floor-tile",
    "floor-wood",
    "flower",
    "fog",
    "food-other",
    "fruit",
    "furniture-other",
    "grass",
    "gravel",
    "ground-other",
    "hill",
    "house",
    "leaves",
    "light",
    "mat",
    "metal",
    "mirror-stuff",
    "moss",
    "mountain",
    "mud",
    "napkin",
    "net",
    "paper",
    "pavement",
    "pillow",
    "plant-other",
    "plastic",
    "platform",
    "playingfield",
    "railing",
    "railroad",
    "river",
    "road",
    "rock",
    "roof",
    "rug",
    "salad",
    "sand",
    "sea",
    "shelf",
    "sky-other",
    "skyscraper",
    "snow",
    "solid-other",
    "stairs",
    "stone",
    "straw",
    "structural-other",
    "table",
    "tent",
    "textile-other",
    "towel",
    "tree",
    "vegetable",
    "wall-brick",
    "wall-concrete",
    "wall-other",
    "wall-panel",
    "wall-stone",
    "wall-tile",
    "wall-wood",
    "water-other",
    "waterdrops",
    "window-blind",
    "window-other",
    "wood",
]
_MERGED, _MERGED_COLORS = parse_classes("""
255 255 128 banner
147 211 203 blanket
150 100 100 bridge
168 171 172 cardboard
146 112 198 counter
210 170 100 curtain
92 136 89 door-stuff
218 88 184 floor-wood
241 129 0 flower
217 17 255 fruit
124 74 181 gravel
70 70 70 house
255 228 255 light
154 208 0 mirror-stuff
193 0 92 net
76 91 113 pillow
255 180 195 platform
106 154 176 playingfield
230 150 140 railroad
60 143 255 river
128 64 128 road
92 82 55 roof
254 212 124 sand
73 77 174 sea
255 160 98 shelf
255 255 255 snow
104 84 109 stairs
169 164 131 tent
225 199 255 towel
137 54 74 wall-brick
135 158 223 wall-stone
7 246 231 wall-tile
107 255 200 wall-wood
58 41 149 water-other
183 121 142 window-blind
255 73 97 window-other
107 142 35 tree-merged
190 153 153 fence-merged
146 139 141 ceiling-merged
70 130 180 sky-other-merged
134 199 156 cabinet-merged
209 226 140 table-merged
96 36 108 floor-other-merged
96 96 96 pavement-merged
64 170 64 mountain-merged
152 251 152 grass-merged
208 229 228 dirt-merged
206 186 171 paper-merged
152 161 64 food-other-merged
116 112 0 building-other-merged
0 114 143 rock-merged
102 102 156 wall-other-merged
250 141 255 rug-merged
""")

COCO = Entry(("background", *_THINGS), ((0, 0, 0), *_THING_COLORS))
"""Of instances_*.json, drawn as indices."""

COCO_PANOPTIC = Entry((*_THINGS, *_MERGED), (*_THING_COLORS, *_MERGED_COLORS))
"""Of panoptic_*.json, drawn as indices."""

_STUFF_IDS = (*(number for number in range(1, 91) if number not in _GAPS), *range(92, 183))
COCO_STUFF = Entry(
    (*_THINGS, *_STUFF),
    # COCO-Stuff prescribes no colors for stuff; things keep theirs.
    (*_THING_COLORS, *class_colors(len(_STUFF))),
    MaskCode.of_values({number - 1: index for index, number in enumerate(_STUFF_IDS)} | {IGNORE: IGNORE}),
)
"""Of stuffthingmaps: pixels hold a category's id - 1, 255 where nothing is known."""
