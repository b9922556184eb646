"""Readers of what others write: one file per outside format."""
