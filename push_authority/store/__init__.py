"""Where the authority keeps what must survive: one protocol, one implementation per database."""
