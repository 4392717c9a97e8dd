"""Pictures that are told to users under this address: `lrcore.plots.gallery`."""

from .pictures.plots import gallery as gallery
