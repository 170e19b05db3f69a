-- Arrivals (mail in), outbox (mail out), audit (the record) and meta (small state).
-- Instants are UTC text of fixed width, `2026-12-01T13:00:00.000Z`, so text order is time order.
-- Ids are AUTOINCREMENT: an id that was deleted never comes back to mean another mail.

-- One row for every mail that ever reached the inbox (G1).
CREATE TABLE arrivals (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  -- Where IMAP keeps it. A mail is known by these three (RFC 9051 2.3.1.1).
  mailbox      TEXT    NOT NULL,
  uid_validity TEXT    NOT NULL,
  uid          INTEGER NOT NULL CHECK (uid > 0),
  -- INTERNALDATE: every promise to a reporter counts from here.
  received_at  TEXT    NOT NULL CHECK (length(received_at) = 24),
  -- RFC822.SIZE in bytes; larger than the stored bytes when only the header was fetched.
  size         INTEGER NOT NULL CHECK (size >= 0),
  -- Of the whole mail; NULL when only its header was fetched.
  sha256       TEXT    NULL CHECK (length(sha256) = 64),
  header_only  INTEGER NOT NULL DEFAULT 0 CHECK (header_only IN (0, 1)),
  -- 'held' waits for a human; nothing is ever dropped.
  state        TEXT    NOT NULL CHECK (state IN ('pending', 'done', 'held')),
  disposition  TEXT    NULL,
  -- A code that says why, never content.
  reason       TEXT    NULL,
  -- The case it joined; the table of cases is a later migration.
  case_id      INTEGER NULL,
  -- Times that handling failed (G9).
  tries        INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
  -- Times that opening was begun, counted before it is, so a mail that kills the process is noticed, too.
  starts       INTEGER NOT NULL DEFAULT 0 CHECK (starts >= 0),
  next_try_at  TEXT    NULL CHECK (length(next_try_at) = 24),
  duplicate_of INTEGER NULL REFERENCES arrivals (id),
  -- Whether IMAP has moved it out of the inbox.
  moved        INTEGER NOT NULL DEFAULT 0 CHECK (moved IN (0, 1)),
  stored_at    TEXT    NOT NULL CHECK (length(stored_at) = 24),
  done_at      TEXT    NULL CHECK (length(done_at) = 24),
  UNIQUE (mailbox, uid_validity, uid),
  -- What is handled has a disposition and an instant; what is not has neither.
  CHECK ((state = 'pending') = (disposition IS NULL)),
  CHECK ((state = 'pending') = (done_at IS NULL))
) STRICT;

CREATE INDEX arrivals_pending ON arrivals (id) WHERE state = 'pending';
CREATE INDEX arrivals_not_moved ON arrivals (mailbox, uid_validity, id) WHERE moved = 0 AND state <> 'pending';
CREATE INDEX arrivals_by_sha256 ON arrivals (sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX arrivals_header_only ON arrivals (size) WHERE header_only = 1;

-- The mail byte for byte, apart from its state: SQLite writes a whole row anew, and mails are large. Missing for the second
-- copy of a mail that is stored already, and after a purge.
CREATE TABLE arrival_bytes (
  arrival_id INTEGER PRIMARY KEY REFERENCES arrivals (id),
  raw        BLOB    NOT NULL
) STRICT;

CREATE TRIGGER arrival_bytes_kept BEFORE DELETE ON arrival_bytes
WHEN (SELECT state FROM arrivals WHERE id = OLD.arrival_id) = 'pending'
BEGIN
  SELECT RAISE(ABORT, 'a mail that waits keeps its bytes');
END;

CREATE TRIGGER arrival_bytes_never_change BEFORE UPDATE ON arrival_bytes
BEGIN
  SELECT RAISE(ABORT, 'a stored mail never changes');
END;

-- Finished mails, byte for byte as they leave, one recipient each. Dispatch is their only reader.
CREATE TABLE outbox (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  -- Names the decision: one taken twice makes one mail (G2).
  once            TEXT    NOT NULL UNIQUE,
  kind            TEXT    NOT NULL,
  case_id         INTEGER NULL,
  notice_id       INTEGER NULL,
  audience        TEXT    NOT NULL CHECK (audience IN ('reporter', 'maintainer', 'member', 'outsider')),
  -- Id of the maintainer or member, '' for others.
  recipient_id    TEXT    NOT NULL,
  -- RFC 5321 reverse-path, '' for none.
  envelope_from   TEXT    NOT NULL,
  envelope_to     TEXT    NOT NULL CHECK (envelope_to <> ''),
  -- Without angle brackets. A bounce is matched by it, a resend carries the same.
  message_id      TEXT    NOT NULL UNIQUE,
  raw_sha256      TEXT    NOT NULL CHECK (length(raw_sha256) = 64),
  size            INTEGER NOT NULL CHECK (size > 0),
  -- 'sending' with a next attempt in the past means that the process died while sending.
  state           TEXT    NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'given-up', 'held')),
  attempts        INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  -- 1 while the attempt being made is the last of the ladder.
  last_attempt    INTEGER NOT NULL DEFAULT 0 CHECK (last_attempt IN (0, 1)),
  -- Never earlier than this (G7), whatever the clock or the operator does.
  not_before      TEXT    NOT NULL CHECK (length(not_before) = 24),
  next_attempt_at TEXT    NOT NULL CHECK (length(next_attempt_at) = 24),
  -- Latest SMTP reply code; 0 when there was none.
  last_code       INTEGER NULL,
  last_outcome    TEXT    NULL CHECK (last_outcome IN ('accepted', 'deferred', 'rejected', 'uncertain')),
  created_at      TEXT    NOT NULL CHECK (length(created_at) = 24),
  sent_at         TEXT    NULL CHECK (length(sent_at) = 24),
  bounced_at      TEXT    NULL CHECK (length(bounced_at) = 24),
  -- When a human was told that it was given up.
  told_at         TEXT    NULL CHECK (length(told_at) = 24),
  CHECK (next_attempt_at >= not_before),
  CHECK ((state = 'sent') = (sent_at IS NOT NULL))
) STRICT;

CREATE INDEX outbox_due ON outbox (next_attempt_at, id) WHERE state IN ('queued', 'sending');
CREATE INDEX outbox_untold ON outbox (id) WHERE state = 'given-up' AND told_at IS NULL;
CREATE INDEX outbox_by_notice ON outbox (notice_id) WHERE notice_id IS NOT NULL;

-- The bytes of what is not sent yet; sent mail is not kept.
CREATE TABLE outbox_bytes (
  outbox_id INTEGER PRIMARY KEY REFERENCES outbox (id),
  raw       BLOB    NOT NULL
) STRICT;

CREATE TRIGGER outbox_bytes_kept BEFORE DELETE ON outbox_bytes
WHEN (SELECT state FROM outbox WHERE id = OLD.outbox_id) <> 'sent'
BEGIN
  SELECT RAISE(ABORT, 'a mail that was not sent keeps its bytes');
END;

CREATE TRIGGER outbox_bytes_never_change BEFORE UPDATE ON outbox_bytes
BEGIN
  SELECT RAISE(ABORT, 'a finished mail never changes');
END;

CREATE TRIGGER outbox_sent AFTER UPDATE OF state ON outbox WHEN NEW.state = 'sent'
BEGIN
  DELETE FROM outbox_bytes WHERE outbox_id = NEW.id;
END;

-- Who did what when, on which signed mail (G8). Rows are only ever added; each carries the hash of the one before.
CREATE TABLE audit (
  -- 1, 2, 3 ... without a gap.
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  at            TEXT    NOT NULL CHECK (length(at) = 24),
  -- Maintainer id, 'desk' or 'operator'.
  actor         TEXT    NOT NULL CHECK (actor <> ''),
  action        TEXT    NOT NULL CHECK (action <> ''),
  case_tag      TEXT    NULL,
  -- A JSON object of codes, ids and counts.
  detail        TEXT    NOT NULL CHECK (json_valid(detail)),
  -- Of the signed mail that made it happen.
  mail_sha256   TEXT    NULL CHECK (length(mail_sha256) = 64),
  -- Hash of row id-1; 64 zeros for the first.
  previous_hash TEXT    NOT NULL CHECK (length(previous_hash) = 64),
  hash          TEXT    NOT NULL CHECK (length(hash) = 64)
) STRICT;

CREATE INDEX audit_by_case ON audit (case_tag, id) WHERE case_tag IS NOT NULL;

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN
  SELECT RAISE(ABORT, 'audit rows never change');
END;

CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN
  SELECT RAISE(ABORT, 'audit rows are never deleted');
END;

-- INSERT OR REPLACE deletes without firing delete triggers; this also keeps the chain whole.
CREATE TRIGGER audit_only_append BEFORE INSERT ON audit
WHEN NEW.id IS NOT (SELECT coalesce(max(id), 0) + 1 FROM audit)
  OR NEW.previous_hash IS NOT coalesce((SELECT hash FROM audit ORDER BY id DESC LIMIT 1), printf('%064d', 0))
BEGIN
  SELECT RAISE(ABORT, 'audit rows are only appended');
END;

-- Jumps of the clock forward. Approvals of previews from before one are in doubt until the clock was set back by as much.
CREATE TABLE clock_jumps (
  -- Its entry in the record: previews are ordered against it by their places there, not by what a clock showed.
  audit_id INTEGER PRIMARY KEY REFERENCES audit (id),
  ms       INTEGER NOT NULL CHECK (ms > 0),
  -- What of it was not set back; 0 when it is undone.
  left_ms  INTEGER NOT NULL CHECK (left_ms BETWEEN 0 AND ms),
  -- 0 as long as a maintainer is to be told of it.
  told     INTEGER NOT NULL CHECK (told IN (0, 1))
) STRICT;

CREATE INDEX clock_jumps_untold ON clock_jumps (audit_id) WHERE told = 0;
CREATE INDEX clock_jumps_left ON clock_jumps (audit_id) WHERE left_ms > 0;

-- Small state by name: the generation of the inbox that was seen last.
CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;
