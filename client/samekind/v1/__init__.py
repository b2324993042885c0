"""Generated messages and stubs of the samekind.v1 protos (`make proto`)."""
