"""Formats in which others keep conversations: recognised, previewed, imported as `messages`, exported again."""

from arny_studio.dataset.formats.contracts import contract_conversion
from arny_studio.dataset.formats.converting import ConvertReport, Detected, Preview, convert_file, detect, preview
from arny_studio.dataset.formats.shapes import SHAPES, Shape, shape_ids

__all__ = [
    "SHAPES",
    "ConvertReport",
    "Detected",
    "Preview",
    "Shape",
    "contract_conversion",
    "convert_file",
    "detect",
    "preview",
    "shape_ids",
]
