"""Drawing of the images of data sets."""

__all__ = [
    "dsprites_compare",
    "dsprites_looks",
    "dsprites_render",
    "garments_draw",
    "heads_mesh",
    "heads_raster",
    "heads_shape",
]
