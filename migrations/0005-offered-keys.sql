-- Keys that came under an address and are not in use: offered and not accepted, or replaced. A maintainer chooses.
CREATE TABLE offered_keys (
  -- Lower case.
  address       TEXT NOT NULL,
  fingerprint   TEXT NOT NULL CHECK (length(fingerprint) IN (40, 64)),
  key_data      BLOB NOT NULL,
  source        TEXT NOT NULL CHECK (source IN ('autocrypt', 'attached', 'wkd', 'vks')),
  first_seen_at TEXT NOT NULL CHECK (length(first_seen_at) = 24),
  -- Whether answers were sealed to it before. Keys that were not are never dropped for others: the newest is refused.
  was_in_use    INTEGER NOT NULL CHECK (was_in_use IN (0, 1)),
  PRIMARY KEY (address, fingerprint)
) STRICT;

-- The primary key and the signing subkeys of every key that is proved a reporter's or was given for a list member. Kept for
-- good: a signature by a key that somebody used before is theirs still.
CREATE TABLE signing_keys (
  fingerprint TEXT NOT NULL CHECK (length(fingerprint) IN (40, 64)),
  -- Lower case.
  address     TEXT NOT NULL,
  -- As RFC 9580 §5.5.4 takes it from the fingerprint: its end for version 4, its start for version 6.
  key_id      TEXT NOT NULL AS (CASE length(fingerprint) WHEN 40 THEN substr(fingerprint, 25) ELSE substr(fingerprint, 1, 16) END),
  PRIMARY KEY (fingerprint, address)
) STRICT;

CREATE INDEX signing_keys_by_key_id ON signing_keys (key_id);

-- Whether a mail from the address was signed with the key, or a maintainer accepted it: only then does a mail that another
-- key signed look like another person's.
ALTER TABLE reporter_keys ADD COLUMN is_proved INTEGER NOT NULL DEFAULT 0 CHECK (is_proved IN (0, 1));
