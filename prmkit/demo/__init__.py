"""A world with known truth: arithmetic stories, their oracle, and a small policy that solves them, not too well."""
