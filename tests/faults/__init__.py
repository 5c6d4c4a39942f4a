"""What a user may get wrong, tried: commands, fields and files that must be refused."""
