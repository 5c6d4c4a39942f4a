"""What a sweep would take on an accelerator that is not here."""
