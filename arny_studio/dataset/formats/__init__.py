"""Formats in which others keep conversations: recognised, previewed, imported as `messages`, exported again."""

from arny_studio.dataset.formats.converting import ConvertReport, Detected, Preview, convert_file, detect, preview
from arny_studio.dataset.formats.shapes import SHAPES, Shape, shape_ids

__all__ = [
    "SHAPES",
    "ConvertReport",
    "Detected",
    "Preview",
    "Shape",
    "convert_file",
    "detect",
    "preview",
    "shape_ids",
]
