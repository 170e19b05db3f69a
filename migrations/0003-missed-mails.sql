-- Mails to maintainers that were not sealed because of the key: once it works again, the maintainer is told what was missed,
-- and the rows go. The permanent record keeps a line of each.
CREATE TABLE missed_mails (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  maintainer_id TEXT    NOT NULL,
  -- Who that was when the key was refused: an id may be given to somebody else later. The address in lower case.
  address       TEXT    NOT NULL,
  fingerprint   TEXT    NOT NULL CHECK (length(fingerprint) IN (40, 64)),
  -- NULL for a mail that was about no case.
  case_id       INTEGER NULL REFERENCES cases (id),
  -- The cause, as in the outbox: what would have been one mail is missed once.
  once          TEXT    NOT NULL,
  kind          TEXT    NOT NULL,
  at            TEXT    NOT NULL CHECK (length(at) = 24),
  UNIQUE (maintainer_id, once)
) STRICT;

CREATE INDEX missed_mails_by_maintainer ON missed_mails (maintainer_id, case_id);
