"""Pascal VOC 2012: its own masks, its own beside SBD's images, or SBD's masks (augmented)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from mutualseg.data.catalog.entry import Entry
from mutualseg.data.catalog.voc import VOC, VOC_COLORED
from mutualseg.data.folder import DataFolder
from mutualseg.data.layouts.layout import Asked, Layout, assemble
from mutualseg.data.layouts.list_files import chosen_files, read_list, require_listed
from mutualseg.data.layouts.own_classes import names_agree
from mutualseg.data.listing import list_files
from mutualseg.data.mask_codes import IGNORE
from mutualseg.data.mask_survey import Survey, survey_masks
from mutualseg.data.pairing import index_files
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Part

_IMAGES = "JPEGImages"
_OWN = "SegmentationClass"
_AUGMENTED = "SegmentationClassAug"
_LISTS = "ImageSets/Segmentation"
_TRAIN = f"{_LISTS}/train.txt"
_AUGMENTED_LISTS = tuple(
    f"ImageSets/{folder}/{name}.txt"
    for name in ("train_aug", "trainaug")
    for folder in ("Segmentation", "SegmentationAug")
)
_HOMES = ("", "VOC2012", "VOCdevkit/VOC2012")
_is_voc = names_agree(VOC.classes, VOC.classes[1:])


def _read_own(home: Path, asked: Asked) -> DataFolder:
    """Read train.txt with the masks of VOC itself, and nothing else to train on."""
    own = list_files(home / _OWN).first_of_each()
    return _read("voc", home, asked, read_list(home / _TRAIN), own, own)


def _read_fine(home: Path, asked: Asked) -> DataFolder:
    """Read the masks of train.txt; the other images of the augmented list are unlabeled."""
    own = list_files(home / _OWN).first_of_each()
    train = read_list(home / _TRAIN)
    labeled = {name: own[name] for name in train if name in own}
    return _read("voc_fine", home, asked, [*train, *_augmented(home)], labeled, own)


def _read_blended(home: Path, asked: Asked) -> DataFolder:
    """Read the augmented list with SBD's masks; what is measured on keeps the masks of VOC itself."""
    own = list_files(home / _OWN).first_of_each()
    # Some editions have put the masks of both into one folder.
    blended = list_files(home / _AUGMENTED).first_of_each() if (home / _AUGMENTED).is_dir() else own
    return _read("voc_blended", home, asked, _augmented(home), blended, {**blended, **own})


def _read(
    name: str,
    home: Path,
    asked: Asked,
    train: list[str],
    labeled: Mapping[str, str],
    truth: Mapping[str, str],
) -> DataFolder:
    files = list_files(home / _IMAGES)
    val, test = (_listed_part(home, part) for part in ("val", "test"))
    require_listed([*train, *val], files)
    measured = {*val, *test}
    notes = []
    twice = sorted(measured.intersection(train))
    if twice:
        notes.append(
            f"{len(twice)} listed training images are in val or test too, and left out ({twice[0]})."
        )
    trained = [image for image in dict.fromkeys(train) if image not in measured]
    expected = read_list(home / _TRAIN) if name == "voc_fine" else trained
    bare = [image for image in expected if image not in labeled and image not in measured]
    if bare:
        notes.append(f"{len(bare)} listed training images have no mask and are unlabeled ({bare[0]}).")

    def index(images: Iterable[str], part: Part, masks: Mapping[str, str]) -> SampleIndex:
        return index_files(chosen_files(files, images), "", part, masks)

    return assemble(
        name,
        home,
        asked,
        _entry([labeled[image] for image in trained if image in labeled]),
        train=index(trained, "train", labeled),
        val=index(val, "val", truth),
        test=index(test, "test", truth),
        notes=notes,
    )


def _listed_part(home: Path, part: str) -> list[str]:
    path = home / _LISTS / f"{part}.txt"
    return read_list(path) if path.is_file() else []


def _augmented(home: Path) -> list[str]:
    return read_list(next(home / path for path in _AUGMENTED_LISTS if (home / path).is_file()))


def _entry(masks: list[str]) -> Entry:
    """Return the entry for palette and gray masks, or for those that are RGB images."""

    def enough(survey: Survey) -> bool:
        return bool(survey.colored or survey.values - {0, IGNORE})

    return VOC_COLORED if survey_masks([Path(mask) for mask in masks], enough).colored else VOC


def _has_both_masks_in_one(home: Path) -> bool:
    """Tell whether SegmentationClass holds masks of images that only the augmented list has."""
    if not (home / _OWN).is_dir() or not any((home / path).is_file() for path in _AUGMENTED_LISTS):
        return False
    own = set(read_list(home / _TRAIN)) if (home / _TRAIN).is_file() else set()
    added = next((name for name in _augmented(home) if name not in own), None)
    return added is not None and (home / _OWN / f"{added}.png").is_file()


_EXPECTS = (
    f"{_IMAGES}/NAME.jpg, {_OWN}/NAME.png and {_LISTS}/train.txt and val.txt, in the folder VOC2012 or below "
    "VOCdevkit/"
)
VOC_OWN = Layout("voc", ((_IMAGES, _OWN, _TRAIN),), _EXPECTS, _read_own, _HOMES, confirm=_is_voc)
VOC_FINE = Layout(
    "voc_fine",
    tuple((_IMAGES, _OWN, _TRAIN, names) for names in _AUGMENTED_LISTS),
    f"{_EXPECTS}, and {_LISTS}/train_aug.txt, which lists SBD's images too",
    _read_fine,
    _HOMES,
    confirm=_is_voc,
)
VOC_BLENDED = Layout(
    "voc_blended",
    tuple((_IMAGES, _AUGMENTED, names) for names in _AUGMENTED_LISTS),
    f"{_IMAGES}/NAME.jpg, {_AUGMENTED}/NAME.png, {_OWN}/NAME.png for val, and {_LISTS}/train_aug.txt and "
    "val.txt, in the folder VOC2012 or below VOCdevkit/",
    _read_blended,
    _HOMES,
    _has_both_masks_in_one,
    _is_voc,
)
