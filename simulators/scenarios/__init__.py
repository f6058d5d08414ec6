"""Things that happen to a truck beside its ordinary life: one story a file, named as in the scenario list."""
