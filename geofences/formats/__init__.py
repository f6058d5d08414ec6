"""File formats, one a module: each reads fences and writes them back."""
