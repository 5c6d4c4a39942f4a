"""Drawing of the images of data sets."""
