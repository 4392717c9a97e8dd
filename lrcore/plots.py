"""Pictures that are told to users under this address: `lrcore.plots.gallery`."""

from .schedules.gallery import gallery as gallery
