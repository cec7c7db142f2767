"""Puts the PAM module into the stacks of sshd, sudo and su, and takes it out again."""
