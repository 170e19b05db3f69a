-- Cases, what was said in them, whom answers are sealed to, the secret list and its notices.

CREATE TABLE cases (
  id               INTEGER PRIMARY KEY AUTOINCREMENT,
  -- PREFIX-YEAR-NNNN, the number people use.
  tag              TEXT    NOT NULL UNIQUE,
  product          TEXT    NOT NULL,
  state            TEXT    NOT NULL CHECK (state IN
                     ('received', 'triaging', 'needs-info', 'accepted', 'planned', 'noticed', 'rejected', 'closed')),
  -- Answers go to this address and to no other; NULL when the first mail named none.
  reporter_address TEXT    NULL,
  reporter_name    TEXT    NOT NULL DEFAULT '',
  subject          TEXT    NOT NULL,
  began_in_clear   INTEGER NOT NULL CHECK (began_in_clear IN (0, 1)),
  received_at      TEXT    NOT NULL CHECK (length(received_at) = 24),
  opened_at        TEXT    NOT NULL CHECK (length(opened_at) = 24),
  answer_due_at    TEXT    NULL CHECK (length(answer_due_at) = 24),
  answered_at      TEXT    NULL CHECK (length(answered_at) = 24),
  owner            TEXT    NULL,
  disclosure_at    TEXT    NULL CHECK (length(disclosure_at) = 24),
  -- Heads of the two threads; the maintainers' one is never sent itself.
  maintainer_root  TEXT    NOT NULL,
  reporter_root    TEXT    NOT NULL,
  reporter_latest  TEXT    NULL,
  -- Grows with every change, so that two writers cannot overwrite each other unseen.
  version          INTEGER NOT NULL DEFAULT 1
) STRICT;

-- The last number given out, per prefix and year: numbers never come back.
CREATE TABLE case_numbers (
  prefix TEXT    NOT NULL,
  year   INTEGER NOT NULL,
  last   INTEGER NOT NULL,
  PRIMARY KEY (prefix, year)
) STRICT;

CREATE TABLE messages (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  case_id    INTEGER NOT NULL REFERENCES cases (id),
  -- NULL for what the desk wrote by itself.
  arrival_id INTEGER NULL REFERENCES arrivals (id),
  at         TEXT    NOT NULL CHECK (length(at) = 24),
  author     TEXT    NOT NULL CHECK (author IN ('reporter', 'maintainer', 'member', 'other', 'desk')),
  author_id  TEXT    NOT NULL DEFAULT '',
  audience   TEXT    NOT NULL CHECK (audience IN ('internal', 'reporter')),
  subject    TEXT    NOT NULL,
  text       TEXT    NOT NULL,
  message_id TEXT    NULL
) STRICT;

CREATE INDEX messages_by_case ON messages (case_id, id);

-- The one key per reporter's address: first use; a mail replaces it only when it can no longer be used.
CREATE TABLE reporter_keys (
  -- Lower case.
  address       TEXT PRIMARY KEY,
  fingerprint   TEXT NOT NULL CHECK (length(fingerprint) IN (40, 64)),
  key_data      BLOB NOT NULL,
  source        TEXT NOT NULL CHECK (source IN ('autocrypt', 'attached', 'wkd', 'vks')),
  first_seen_at TEXT NOT NULL CHECK (length(first_seen_at) = 24)
) STRICT;

-- Every signature that ever had authority: none has it twice.
CREATE TABLE used_signatures (
  sha256     TEXT PRIMARY KEY CHECK (length(sha256) = 64),
  -- As the signature says; what is older than the age limit is refused for its age anyway.
  created_at TEXT    NOT NULL CHECK (length(created_at) = 24),
  arrival_id INTEGER NOT NULL REFERENCES arrivals (id)
) STRICT;

-- Marks of every ciphertext that came, from whom, and whose it is: the same one from somebody else is not opened for them (G6).
CREATE TABLE ciphertexts (
  mark       TEXT    NOT NULL CHECK (length(mark) = 64),
  -- Lower case; '' when the mail named no usable sender.
  address    TEXT    NOT NULL,
  -- The first mail of that sender with it; of the owner, the one that made it theirs.
  arrival_id INTEGER NOT NULL REFERENCES arrivals (id),
  -- Whether it is that sender's; at most one has it. The others only sent it, in mails that had no effect or were stolen.
  is_owner   INTEGER NOT NULL CHECK (is_owner IN (0, 1)),
  PRIMARY KEY (mark, address)
) STRICT;

CREATE UNIQUE INDEX ciphertexts_owned ON ciphertexts (mark) WHERE is_owner = 1;

-- Automatic answers that left, for the limits of RFC 3834.
CREATE TABLE automatic_answers (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  -- Lower case.
  address TEXT NOT NULL,
  kind    TEXT NOT NULL CHECK (kind IN
          ('acknowledgement', 'refusal-proved', 'refusal-signed', 'refusal-unproved')),
  at      TEXT NOT NULL CHECK (length(at) = 24)
) STRICT;

CREATE INDEX automatic_answers_by_address ON automatic_answers (kind, address, at);
CREATE INDEX automatic_answers_by_time ON automatic_answers (kind, at);

-- The secret list (G5). The whole file is encrypted; nothing of this table reaches a log.
CREATE TABLE members (
  id             TEXT PRIMARY KEY,
  name           TEXT NOT NULL,
  address        TEXT NOT NULL,
  -- Lower case; one member an address.
  address_key    TEXT NOT NULL UNIQUE,
  state          TEXT NOT NULL CHECK (state IN ('active', 'frozen', 'removed')),
  fingerprint    TEXT NOT NULL CHECK (length(fingerprint) IN (40, 64)),
  key_data       BLOB NOT NULL,
  -- NULL when the key does not expire. For counting only: the key is judged again when it is used.
  key_expires_at TEXT NULL CHECK (length(key_expires_at) = 24),
  added_at       TEXT NOT NULL CHECK (length(added_at) = 24)
) STRICT;

CREATE INDEX members_by_fingerprint ON members (fingerprint);

CREATE TABLE member_products (
  member_id TEXT NOT NULL REFERENCES members (id),
  product   TEXT NOT NULL,
  PRIMARY KEY (product, member_id)
) STRICT, WITHOUT ROWID;

-- One advance notice a case, in revisions.
CREATE TABLE notices (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  case_id     INTEGER NOT NULL UNIQUE REFERENCES cases (id),
  product     TEXT    NOT NULL,
  state       TEXT    NOT NULL CHECK (state IN ('drafting', 'scheduled', 'releasing', 'released', 'held')),
  revision    INTEGER NOT NULL CHECK (revision > 0),
  -- A JSON object of the fields that are text.
  fields      TEXT    NOT NULL CHECK (json_valid(fields)),
  author_id   TEXT    NOT NULL,
  release_at  TEXT    NULL CHECK (length(release_at) = 24),
  released_at TEXT    NULL CHECK (length(released_at) = 24),
  -- The digest of what the list may read now, by the release that has begun last; NULL before one and after a hold. Copies
  -- that say anything else stay here.
  released_digest TEXT NULL CHECK (length(released_digest) = 64),
  -- What the maintainers are still to be told of a hold, when no alarm could be made at it.
  untold_hold TEXT    NULL CHECK (untold_hold IS NULL OR state = 'held'),
  version     INTEGER NOT NULL DEFAULT 1,
  CHECK (state <> 'scheduled' OR release_at IS NOT NULL)
) STRICT;

CREATE INDEX notices_untold ON notices (id) WHERE untold_hold IS NOT NULL;
CREATE INDEX notices_due ON notices (state) WHERE state IN ('scheduled', 'releasing');
CREATE INDEX notices_unreleased ON notices (id) WHERE state IN ('drafting', 'scheduled', 'releasing', 'held');

CREATE TABLE patches (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  notice_id    INTEGER NOT NULL REFERENCES notices (id),
  filename     TEXT    NOT NULL,
  content_type TEXT    NOT NULL,
  sha256       TEXT    NOT NULL CHECK (length(sha256) = 64),
  content      BLOB    NOT NULL,
  UNIQUE (notice_id, filename)
) STRICT;

-- Signatures over exactly one content (G7). Editing the notice deletes them; the audit keeps them.
CREATE TABLE approvals (
  notice_id     INTEGER NOT NULL REFERENCES notices (id),
  maintainer_id TEXT    NOT NULL,
  digest        TEXT    NOT NULL CHECK (length(digest) = 64),
  at            TEXT    NOT NULL CHECK (length(at) = 24),
  -- Of the preview that was approved.
  audit_id      INTEGER NOT NULL,
  PRIMARY KEY (notice_id, maintainer_id)
) STRICT, WITHOUT ROWID;

-- Codes that the desk issued with a preview.
CREATE TABLE previews (
  notice_id INTEGER NOT NULL REFERENCES notices (id),
  code      TEXT    NOT NULL,
  digest    TEXT    NOT NULL CHECK (length(digest) = 64),
  issued_at TEXT    NOT NULL CHECK (length(issued_at) = 24),
  -- The newest entry of the record then: what tells it from before a jump of the clock, whatever `issued_at` says.
  audit_id  INTEGER NOT NULL,
  PRIMARY KEY (notice_id, code)
) STRICT, WITHOUT ROWID;

-- One member's copy of one revision.
CREATE TABLE deliveries (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  notice_id  INTEGER NOT NULL REFERENCES notices (id),
  revision   INTEGER NOT NULL,
  member_id  TEXT    NOT NULL REFERENCES members (id),
  state      TEXT    NOT NULL CHECK (state IN ('waiting', 'queued', 'held')),
  -- Why it is held: a code.
  because    TEXT    NULL,
  -- The mail it became.
  outbox_id  INTEGER NULL REFERENCES outbox (id),
  -- The key it was sealed to; with the mail's address it tells whether that mail is still right for the member.
  sealed_to  TEXT    NULL CHECK (length(sealed_to) IN (40, 64)),
  -- The digest of what it says, words of the configuration included: it leaves under an approval of exactly that (G7).
  content_digest TEXT NULL CHECK (length(content_digest) = 64),
  changed_at TEXT    NOT NULL CHECK (length(changed_at) = 24),
  UNIQUE (notice_id, revision, member_id),
  CHECK ((state = 'queued') = (outbox_id IS NOT NULL)),
  CHECK (outbox_id IS NULL OR (sealed_to IS NOT NULL AND content_digest IS NOT NULL))
) STRICT;

CREATE INDEX deliveries_waiting ON deliveries (notice_id, id) WHERE state = 'waiting';
CREATE INDEX deliveries_by_member ON deliveries (member_id);
-- The latest mail to each person of a case heads the next one's References.
CREATE INDEX outbox_by_recipient ON outbox (case_id, audience, recipient_id, id) WHERE case_id IS NOT NULL;
