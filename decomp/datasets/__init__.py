"""Data sets as arrays with their factors: dSprites, pinwheel, Fashion-MNIST."""
