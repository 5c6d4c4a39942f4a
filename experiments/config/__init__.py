"""What a config may say: fields, what goes together, settings, the command line."""
