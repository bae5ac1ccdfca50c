"""`arny …`: every action of the app in the terminal, over the same workers. No Qt, no heavy library."""
