"""Models: objectives, divergences, priors, networks, and the VAE made of them."""
