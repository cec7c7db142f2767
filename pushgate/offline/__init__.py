"""Codes that this machine checks by itself, for logins while nobody can be asked."""
