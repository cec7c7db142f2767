"""The PAM front end: the module that PAM loads and the socket that it speaks to."""
