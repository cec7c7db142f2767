"""The RADIUS front end: packets become logins, decisions become packets."""
