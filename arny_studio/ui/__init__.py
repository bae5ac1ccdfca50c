"""The window. Widgets show, controllers decide, the domain knows; no heavy library is ever imported here."""
