"""Loss logs that other programs wrote: which column holds the losses."""
