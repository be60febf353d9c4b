"""Executable claims: the only place where theory meets trained models."""
