"""Looks at a machine and says what lets people in past the approval, or keeps them out."""
