"""Answers the protos' calls as JSON over HTTP, by the routes that stand in them."""
