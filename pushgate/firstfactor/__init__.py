"""The password checks that can come before the push."""
