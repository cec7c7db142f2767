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

CODES = (
    # What decided, or can: device; totp, bypass; code for one that was refused.
    "ALTER TABLE session ADD COLUMN method TEXT NOT NULL DEFAULT 'device'",
    "CREATE INDEX session_refused_code ON session (user_id, seq) WHERE method = 'code'",
    # A code has neither device nor proof, so both may be NULL from here on.
    """CREATE TABLE decision_of_any_kind (
        session_id TEXT PRIMARY KEY REFERENCES session(id) ON DELETE CASCADE,
        device_id TEXT, decision TEXT NOT NULL, via TEXT NOT NULL, at REAL NOT NULL, proof TEXT
    ) STRICT""",
    "INSERT INTO decision_of_any_kind SELECT session_id, device_id, decision, via, at, proof FROM decision",
    "DROP TABLE decision",
    "ALTER TABLE decision_of_any_kind RENAME TO decision",
    # active 0: waits for its first code, until it expires. A new seed replaces the active one only then.
    """CREATE TABLE totp (
        user_id TEXT NOT NULL REFERENCES person(id) ON DELETE CASCADE,
        domain_id TEXT NOT NULL REFERENCES domain(id) ON DELETE CASCADE,
        active INTEGER NOT NULL, seed_enc BLOB NOT NULL, last_step INTEGER NOT NULL DEFAULT 0,
        created REAL NOT NULL, expires REAL, PRIMARY KEY (user_id, domain_id, active)
    ) STRICT""",
    "CREATE INDEX totp_expiring ON totp (expires) WHERE expires IS NOT NULL",
    """CREATE TABLE bypass (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
        user_id TEXT NOT NULL REFERENCES person(id) ON DELETE CASCADE, code_hmac BLOB NOT NULL,
        uses_allowed INTEGER NOT NULL, uses_remaining INTEGER NOT NULL, created REAL NOT NULL, expires REAL,
        UNIQUE (user_id, code_hmac)
    ) STRICT""",
    "CREATE INDEX bypass_expiring ON bypass (expires) WHERE expires IS NOT NULL",
    """CREATE TABLE code_failure (
        seq INTEGER PRIMARY KEY, user_id TEXT NOT NULL REFERENCES person(id) ON DELETE CASCADE, at REAL NOT NULL
    ) STRICT""",
    "CREATE INDEX code_failure_of_user ON code_failure (user_id, at)",
    "CREATE INDEX code_failure_by_time ON code_failure (at)",
    """CREATE TABLE code_lock (
        user_id TEXT PRIMARY KEY REFERENCES person(id) ON DELETE CASCADE, until REAL NOT NULL
    ) STRICT""",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (FIRST_LIGHT, NUMBERS, CODES)
"""Step n brings ``PRAGMA user_version`` from n to n + 1."""
