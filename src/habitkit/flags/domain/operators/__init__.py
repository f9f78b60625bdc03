"""The operators of rules, by what they are about; ``table`` has them all by their names."""
