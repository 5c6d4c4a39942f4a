"""Data sets as arrays with their ground-truth factors: dSprites and the pinwheel."""
