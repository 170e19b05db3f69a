-- Mails in the junk folder that are nothing to the desk: listed in the next digest, then forgotten. A thousand at the most;
-- of those before them only the number is left, told from the ids.
CREATE TABLE junk_mails (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  -- INTERNALDATE.
  received_at TEXT    NOT NULL CHECK (length(received_at) = 24),
  -- The address in From, as claimed; '' for none.
  sender      TEXT    NOT NULL,
  subject     TEXT    NOT NULL,
  -- RFC822.SIZE in bytes.
  size        INTEGER NOT NULL CHECK (size >= 0)
) STRICT;

-- Cases that nobody has answered, by when an answer is due: the digest lists them.
CREATE INDEX cases_unanswered ON cases (answer_due_at, id) WHERE answered_at IS NULL AND state NOT IN ('rejected', 'closed');
