"""What is trained: objectives, divergences, priors, networks, and the VAE of them."""
