"""What data sets are drawn by."""
