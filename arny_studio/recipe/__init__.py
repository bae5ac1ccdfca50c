"""What to train, export, evaluate and run: frozen structs whose fields carry their own help and bounds."""

from arny_studio.recipe.base import Quant, Recipe
from arny_studio.recipe.data import DataRecipe
from arny_studio.recipe.evaluate import EvaluateRecipe
from arny_studio.recipe.export import ExportRecipe
from arny_studio.recipe.files import dump_recipe, load_recipe
from arny_studio.recipe.phone import PhoneRecipe
from arny_studio.recipe.train import TrainRecipe

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
