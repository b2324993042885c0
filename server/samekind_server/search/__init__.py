"""Search: the items of a catalog that are of the same kind as a text, an image, a vector, another item, or any mixture."""
