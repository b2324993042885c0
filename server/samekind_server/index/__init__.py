"""The rows nearest to a query: exactly, or by a graph that is tested to agree. Derived from the store, and made anew from it when in doubt."""
