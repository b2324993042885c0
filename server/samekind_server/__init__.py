"""The samekind server: embedding, classification, and the gRPC edge around them."""
