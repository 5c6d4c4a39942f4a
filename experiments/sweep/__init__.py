"""Many runs: how they are laid out, trained block by block, saved and kept."""
