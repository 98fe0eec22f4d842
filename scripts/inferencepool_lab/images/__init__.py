"""Container images: the published ones where they can be pulled, else the same names built here."""
