"""One file per kind of picture, over the shared `style`."""
