"""The store of record: what was acknowledged is in it, durable and visible."""
