-- Mails to maintainers that were not sealed because of the key: once it works again, the maintainer is told what was missed,
-- and the rows go. The permanent record keeps a line of each.
CREATE TABLE missed_mails (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  maintainer_id TEXT    NOT NULL,
  -- NULL for a mail that was about no case.
  case_id       INTEGER NULL REFERENCES cases (id),
  kind          TEXT    NOT NULL,
  at            TEXT    NOT NULL CHECK (length(at) = 24)
) STRICT;

CREATE INDEX missed_mails_by_maintainer ON missed_mails (maintainer_id, case_id);
