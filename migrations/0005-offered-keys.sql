-- Keys that came under an address and are not in use: offered and not accepted, or replaced. A maintainer chooses.
CREATE TABLE offered_keys (
  -- Lower case.
  address       TEXT NOT NULL,
  fingerprint   TEXT NOT NULL CHECK (length(fingerprint) IN (40, 64)),
  key_data      BLOB NOT NULL,
  source        TEXT NOT NULL CHECK (source IN ('autocrypt', 'attached', 'wkd', 'vks')),
  first_seen_at TEXT NOT NULL CHECK (length(first_seen_at) = 24),
  -- Whether answers were sealed to it before: such a key is never dropped to make room.
  was_in_use    INTEGER NOT NULL CHECK (was_in_use IN (0, 1)),
  PRIMARY KEY (address, fingerprint)
) STRICT;
