"""Readers of untrusted files, downloads, and a cache on disk."""

__all__ = [
    "cache",
    "download",
    "dsprites_files",
    "ending",
    "factor_table",
    "folders",
    "hdf5",
    "matlab",
    "npz",
    "photos",
]
