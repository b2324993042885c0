"""Where requests come in: one servicer per proto service, validation, interceptors."""
