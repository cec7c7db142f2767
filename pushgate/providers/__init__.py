"""The systems that ask the person."""
