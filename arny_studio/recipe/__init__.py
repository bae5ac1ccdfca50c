"""What to train, export, evaluate and run: frozen structs whose fields carry their own help and bounds."""

from arny_studio.recipe.files import dump_recipe, load_recipe
from arny_studio.recipe.recipes import (
    DataRecipe,
    EvaluateRecipe,
    ExportRecipe,
    PhoneRecipe,
    Quant,
    Recipe,
    TrainRecipe,
)

__all__ = [
    "DataRecipe",
    "EvaluateRecipe",
    "ExportRecipe",
    "PhoneRecipe",
    "Quant",
    "Recipe",
    "TrainRecipe",
    "dump_recipe",
    "load_recipe",
]
