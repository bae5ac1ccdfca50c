"""Which model to bring from the Hub."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from arny_studio.recipe.base import Recipe


class DownloadRecipe(Recipe, tag="download", frozen=True, kw_only=True):
    """Bring a model from the Hub into a folder. Starting it again goes on where it was cut off."""

    model: Annotated[str, Meta(min_length=1, description="Hub id, such as Qwen/Qwen2.5-1.5B.")]
    folder: Annotated[str, Meta(description="Folder that receives the files.")]
    revision: Annotated[str, Meta(description="Branch, tag or commit.")] = "main"
    files: Annotated[tuple[str, ...], Meta(description="Patterns of files to take; empty: what a model needs.")] = ()
    token: Annotated[
        str, Meta(description="Name of the secret with the Hub token, in the keyring or the environment; never itself.")
    ] = "HF_TOKEN"
