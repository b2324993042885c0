"""Measures quality through a running server, on data that nothing was trained or tuned on."""
