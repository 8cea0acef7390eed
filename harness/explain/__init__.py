"""Why two arms differ: the first tensor that goes wrong, the region that takes longer, and the proof."""
