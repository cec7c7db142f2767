"""The tables of the SQLite store, as numbered steps that are never edited once released."""

FIRST_LIGHT = (
    "CREATE TABLE domain (id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT",
    # The file folder/api.key is the truth for the key called "default"; only hashes are stored.
    """CREATE TABLE api_key (
        id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, name TEXT NOT NULL,
        decode_percent_username INTEGER NOT NULL DEFAULT 0
    ) STRICT""",
    """CREATE TABLE person (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, username TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL, email TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE membership (
        user_id TEXT NOT NULL REFERENCES person(id) ON DELETE CASCADE,
        domain_id TEXT NOT NULL REFERENCES domain(id) ON DELETE CASCADE,
        PRIMARY KEY (user_id, domain_id)
    ) STRICT""",
    "CREATE INDEX membership_of_domain ON membership (domain_id)",
    """CREATE TABLE device (
        id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES person(id) ON DELETE CASCADE,
        domain_id TEXT NOT NULL REFERENCES domain(id) ON DELETE CASCADE,
        kind TEXT NOT NULL, label TEXT NOT NULL, public_key BLOB NOT NULL, created REAL NOT NULL
    ) STRICT""",
    "CREATE INDEX device_of_user ON device (user_id, domain_id)",
    # code_enc is NULL once the code is used; device_id then lets a lost answer be asked for again.
    """CREATE TABLE activation (
        user_id TEXT NOT NULL REFERENCES person(id) ON DELETE CASCADE,
        domain_id TEXT NOT NULL REFERENCES domain(id) ON DELETE CASCADE,
        code_hmac BLOB NOT NULL UNIQUE, code_enc BLOB, device_id TEXT, expires REAL NOT NULL,
        PRIMARY KEY (user_id, domain_id)
    ) STRICT""",
    # user_id is no reference: a session outlives its user until the retention ends.
    """CREATE TABLE session (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, domain_id TEXT NOT NULL, user_id TEXT NOT NULL,
        api_key TEXT NOT NULL, service TEXT NOT NULL, origin TEXT NOT NULL, ctx TEXT NOT NULL, nonce TEXT NOT NULL,
        state TEXT NOT NULL, reason TEXT, created REAL NOT NULL, expires REAL NOT NULL, finished REAL,
        idempotency_key TEXT, body_hash BLOB, consumed_at REAL, consumer TEXT
    ) STRICT""",
    "CREATE INDEX session_pending ON session (user_id, domain_id, service, seq) WHERE state = 'pending'",
    # With the state in them they are counted without reading the table.
    "CREATE INDEX session_expiring ON session (expires, state) WHERE state = 'pending'",
    "CREATE INDEX session_finished ON session (finished, state) WHERE state <> 'pending'",
    "CREATE INDEX session_repeated ON session (api_key, idempotency_key) WHERE state = 'pending'",
    """CREATE TABLE decision (
        session_id TEXT PRIMARY KEY REFERENCES session(id) ON DELETE CASCADE,
        device_id TEXT NOT NULL, decision TEXT NOT NULL, via TEXT NOT NULL, at REAL NOT NULL, proof TEXT NOT NULL
    ) STRICT""",
    "CREATE TABLE audit (seq INTEGER PRIMARY KEY, at REAL NOT NULL, entry TEXT NOT NULL) STRICT",
)

NUMBERS = (
    # NULL where the login needs none. Read by the plane that asks and by the check of a decision, by nothing else.
    "ALTER TABLE session ADD COLUMN number TEXT",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (FIRST_LIGHT, NUMBERS)
"""Step n brings ``PRAGMA user_version`` from n to n + 1."""
