"""Catalogs: items that are stored durably, found by what they are like, and filtered by their attributes."""
