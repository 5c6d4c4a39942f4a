"""Planning: what a sweep would take on an accelerator that you do not have."""
