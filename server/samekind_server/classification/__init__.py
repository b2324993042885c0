"""What kind is it: labels in words become vectors, and similarities become probabilities."""
