"""The core of pushgate: a login goes in, a decision comes out."""

__version__ = "0.1.0"
