"""Trains `mini`, the built-in model, from packs of photos to an open_clip folder."""
