"""Recommends items by what they are and by what users did with them."""
