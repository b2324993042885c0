"""Contents to unit vectors: images, texts, the models that read them, and the engine that batches them."""
