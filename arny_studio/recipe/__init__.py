"""What to train, export, evaluate and run: frozen structs whose fields carry their own help and bounds."""

from arny_studio.recipe.files import dump_recipe, load_recipe
from arny_studio.recipe.recipes import EvaluateRecipe, ExportRecipe, PhoneRecipe, Quant, Recipe, TrainRecipe

__all__ = [
    "EvaluateRecipe",
    "ExportRecipe",
    "PhoneRecipe",
    "Quant",
    "Recipe",
    "TrainRecipe",
    "dump_recipe",
    "load_recipe",
]
