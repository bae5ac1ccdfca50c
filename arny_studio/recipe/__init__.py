"""What to train, export, evaluate and run: frozen structs whose fields carry their own help and bounds."""

from arny_studio.recipe.base import Quant, Recipe
from arny_studio.recipe.data import DataRecipe
from arny_studio.recipe.download import DownloadRecipe
from arny_studio.recipe.evaluate import EvaluateRecipe
from arny_studio.recipe.export import BundleRecipe, BundleTarget, ExportRecipe, VerifyRecipe
from arny_studio.recipe.files import dump_recipe, load_recipe
from arny_studio.recipe.inspect import InspectRecipe
from arny_studio.recipe.parity import Limit, ParityLimits, ParitySettings
from arny_studio.recipe.phone import AskSettings, PhoneRecipe
from arny_studio.recipe.preflight import PreflightRecipe
from arny_studio.recipe.queue import QueueRecipe
from arny_studio.recipe.train import TrainRecipe

__all__ = [
    "AskSettings",
    "BundleRecipe",
    "BundleTarget",
    "DataRecipe",
    "DownloadRecipe",
    "EvaluateRecipe",
    "ExportRecipe",
    "InspectRecipe",
    "Limit",
    "ParityLimits",
    "ParitySettings",
    "PhoneRecipe",
    "PreflightRecipe",
    "Quant",
    "QueueRecipe",
    "Recipe",
    "TrainRecipe",
    "VerifyRecipe",
    "dump_recipe",
    "load_recipe",
]
