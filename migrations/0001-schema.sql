-- The whole schema. Arrivals (mail in), outbox (mail out), events (the record) with the clocks on it, cases, the list.
-- Instants are UTC text of fixed width, `2026-12-01T13:00:00.000Z`, so text order is time order.
-- Ids are AUTOINCREMENT: an id that was deleted never comes back to mean something else.

-- One row for every message that ever reached the inbox (G1).
CREATE TABLE arrivals (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  -- Where IMAP keeps it. A message is known by these three (RFC 9051 2.3.1.1).
  mailbox      TEXT    NOT NULL,
  uid_validity TEXT    NOT NULL,
  uid          INTEGER NOT NULL CHECK (uid > 0),
  -- INTERNALDATE: every promise to a reporter counts from here.
  received_at  TEXT    NOT NULL CHECK (length(received_at) = 24),
  -- When it came at the earliest, whatever INTERNALDATE says: the age of a signature counts up to here.
  arrived_at   TEXT    NOT NULL CHECK (length(arrived_at) = 24),
  -- RFC822.SIZE in bytes; larger than the stored bytes when only the header was fetched.
  size         INTEGER NOT NULL CHECK (size >= 0),
  -- The digest of the bytes as fetched.
  sha256       TEXT    NOT NULL CHECK (length(sha256) = 64),
  part         TEXT    NOT NULL CHECK (part IN ('whole', 'header')),
  -- 'held' waits for a human; nothing is ever dropped. 'left' is in the inbox still, until there is room for it.
  state        TEXT    NOT NULL CHECK (state IN ('pending', 'done', 'held', 'left')),
  disposition  TEXT    NULL,
  -- A code that says why, never content.
  reason       TEXT    NULL,
  -- The case it joined.
  case_id      INTEGER NULL,
  -- Times that handling failed (G9).
  tries        INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
  -- Times that opening began, counted beforehand, so that a message that kills the process is noticed, too.
  starts       INTEGER NOT NULL DEFAULT 0 CHECK (starts >= 0),
  next_try_at  TEXT    NULL CHECK (length(next_try_at) = 24),
  duplicate_of INTEGER NULL REFERENCES arrivals (id),
  -- Whose turn it is among those that wait, lower first; NULL until its header was looked at. And who claims to have sent it.
  turn         INTEGER NULL CHECK (turn >= 0),
  sender       TEXT    NOT NULL DEFAULT '',
  -- The share of the room against which it counts (policy/turn.ts); 'free' has no limit.
  share        TEXT    NOT NULL DEFAULT 'unproved' CHECK (share IN ('free', 'claimed', 'proved', 'unproved')),
  -- What the database grew by for good: its bytes, once, and its text.
  grown        INTEGER NOT NULL DEFAULT 0 CHECK (grown >= 0),
  -- Whether IMAP has moved it out of the inbox.
  moved        INTEGER NOT NULL DEFAULT 0 CHECK (moved IN (0, 1)),
  stored_at    TEXT    NOT NULL CHECK (length(stored_at) = 24),
  done_at      TEXT    NULL CHECK (length(done_at) = 24),
  UNIQUE (mailbox, uid_validity, uid),
  -- A handled message has a disposition and an instant; a pending one has neither.
  CHECK ((state = 'pending') = (disposition IS NULL)),
  CHECK ((state = 'pending') = (done_at IS NULL))
) STRICT;

CREATE INDEX arrivals_pending ON arrivals (turn, id) WHERE state = 'pending';
CREATE INDEX arrivals_waiting_of ON arrivals (sender, turn) WHERE state = 'pending';
CREATE INDEX arrivals_not_moved ON arrivals (mailbox, uid_validity, id) WHERE moved = 0 AND state IN ('done', 'held');
CREATE INDEX arrivals_left ON arrivals (mailbox, uid_validity, uid, size, turn, sender, share) WHERE state = 'left';
-- What strangers sent lately (policy/turn.ts), those whom nothing proves to be maintainers among them.
CREATE INDEX arrivals_of_strangers ON arrivals (stored_at, state, share, grown, sender) WHERE share <> 'free' AND grown > 0;
CREATE INDEX arrivals_by_sha256 ON arrivals (sha256);
CREATE INDEX arrivals_copies ON arrivals (duplicate_of) WHERE duplicate_of IS NOT NULL;

-- The message byte for byte, apart from its state: SQLite writes a whole row anew, and messages are large. In blocks: a row is held
-- in memory several times. Missing for the second copy of a message that is stored already.
CREATE TABLE arrival_bytes (
  arrival_id INTEGER NOT NULL REFERENCES arrivals (id),
  block      INTEGER NOT NULL,
  raw        BLOB    NOT NULL,
  PRIMARY KEY (arrival_id, block)
) STRICT;

CREATE TRIGGER arrival_bytes_kept BEFORE DELETE ON arrival_bytes
WHEN (SELECT state FROM arrivals WHERE id = OLD.arrival_id) = 'pending'
BEGIN
  SELECT RAISE(ABORT, 'a message that waits keeps its bytes');
END;

CREATE TRIGGER arrival_bytes_never_change BEFORE UPDATE ON arrival_bytes
BEGIN
  SELECT RAISE(ABORT, 'a stored message never changes');
END;

-- Finished messages, byte for byte as they leave, one recipient each. Dispatch is their only reader.
CREATE TABLE outbox (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  -- Names the decision: one taken twice makes one message (G2).
  once            TEXT    NOT NULL UNIQUE,
  kind            TEXT    NOT NULL,
  case_id         INTEGER NULL,
  notice_id       INTEGER NULL,
  audience        TEXT    NOT NULL CHECK (audience IN ('reporter', 'maintainer', 'member', 'outsider')),
  -- Id of the reporter, maintainer or member, '' for others.
  recipient_id    TEXT    NOT NULL,
  -- Whether it answers a sender whom our servers or their key prove: these have a limit of their own (RFC 3834).
  is_proved       INTEGER NOT NULL DEFAULT 0 CHECK (is_proved IN (0, 1)),
  -- RFC 5321 reverse-path, '' for none.
  envelope_from   TEXT    NOT NULL,
  envelope_to     TEXT    NOT NULL CHECK (envelope_to <> ''),
  -- Without angle brackets. A bounce is matched by it, a resend carries the same.
  message_id      TEXT    NOT NULL UNIQUE,
  -- The conversation to which an answer belongs: `reporter:ID`, `member:ID`, or '' for the maintainers' own.
  conversation    TEXT    NOT NULL DEFAULT '',
  -- Of its own bytes, and of the id of what is shared, which is the SHA-256 of that.
  raw_sha256      TEXT    NOT NULL CHECK (length(raw_sha256) = 64),
  size            INTEGER NOT NULL CHECK (size > 0),
  -- 'sending' is what is on its way in this process; one that starts takes up what another left so.
  state           TEXT    NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'given-up', 'held')),
  attempts        INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  -- How many of them count: its place on the ladder of retries.
  rung            INTEGER NOT NULL DEFAULT 0 CHECK (rung BETWEEN 0 AND attempts),
  -- 1 while the attempt being made is the last of the ladder.
  is_last_attempt INTEGER NOT NULL DEFAULT 0 CHECK (is_last_attempt IN (0, 1)),
  -- Never earlier than this (G7), whatever the clock or the operator does.
  not_before      TEXT    NOT NULL CHECK (length(not_before) = 24),
  -- Not at this instant or later: the disclosure that a copy of a notice names; for other mail, when it was overtaken, or NULL.
  not_after       TEXT    NULL CHECK (length(not_after) = 24),
  next_attempt_at TEXT    NOT NULL CHECK (length(next_attempt_at) = 24),
  -- Latest SMTP reply code; 0 when there was none.
  last_code       INTEGER NULL,
  last_outcome    TEXT    NULL CHECK (last_outcome IN ('accepted', 'deferred', 'rejected', 'too-large', 'ours', 'unclear', 'no-utf8', 'uncertain')),
  outcome_at      TEXT    NULL CHECK (length(outcome_at) = 24),
  created_at      TEXT    NOT NULL CHECK (length(created_at) = 24),
  sent_at         TEXT    NULL CHECK (length(sent_at) = 24),
  bounced_at      TEXT    NULL CHECK (length(bounced_at) = 24),
  -- Which of its bytes are sent: 'small' is the same message without its files; 'spare' left whole, and its small ones are kept
  -- for a while, because it may come back; 'gone' has none left.
  form            TEXT    NOT NULL DEFAULT 'whole' CHECK (form IN ('whole', 'small', 'spare', 'gone')),
  -- The message that it forwards.
  forwards        INTEGER NULL REFERENCES arrivals (id),
  -- The same, whose files its reader may have; without those that name the sender where that is hidden.
  files_of        INTEGER NULL REFERENCES arrivals (id),
  is_sender_hidden INTEGER NOT NULL DEFAULT 0 CHECK (is_sender_hidden IN (0, 1)),
  -- What the whole message has in common with others (outbox_shared), and before which of its own bytes that stands.
  shared_id       TEXT    NULL,
  shared_at       INTEGER NULL CHECK (shared_at > 0),
  CHECK ((shared_id IS NULL) = (shared_at IS NULL)),
  CHECK (next_attempt_at >= not_before),
  CHECK ((state = 'sent') = (sent_at IS NOT NULL))
) STRICT;

-- What goes to the list comes before everything else.
CREATE INDEX outbox_due ON outbox ((audience = 'member'), next_attempt_at, id) WHERE state = 'queued';
CREATE INDEX outbox_on_the_way ON outbox (id) WHERE state = 'sending';
CREATE INDEX outbox_not_after ON outbox (not_after) WHERE not_after IS NOT NULL AND state IN ('queued', 'sending');
-- Automatic answers that left lately or will leave, for the limits of RFC 3834.
CREATE INDEX outbox_by_time ON outbox (kind, coalesce(sent_at, next_attempt_at));
-- The daily lists of further reports: nobody gets two in a day.
CREATE INDEX outbox_lists ON outbox (lower(envelope_to), created_at) WHERE kind = 'further-reports';
-- What a reporter was sent of some kinds, whatever case it stands in now.
CREATE INDEX outbox_of_reporter ON outbox (recipient_id, kind) WHERE audience = 'reporter';
CREATE INDEX outbox_by_notice ON outbox (notice_id) WHERE notice_id IS NOT NULL;

-- The bytes of what is not sent yet; sent mail is not kept. A large message is here a second time, as a small one, for a server that
-- does not take it, and that one stays for a while.
CREATE TABLE outbox_bytes (
  outbox_id INTEGER NOT NULL REFERENCES outbox (id),
  form      TEXT    NOT NULL CHECK (form IN ('whole', 'small')),
  raw       BLOB    NOT NULL,
  PRIMARY KEY (outbox_id, form)
) STRICT;

CREATE TRIGGER outbox_bytes_kept BEFORE DELETE ON outbox_bytes
WHEN (SELECT state <> 'sent' AND form <> 'gone' AND NOT (form = 'small' AND OLD.form = 'whole')
  FROM outbox WHERE id = OLD.outbox_id)
BEGIN
  SELECT RAISE(ABORT, 'a message that was not sent keeps its bytes');
END;

CREATE TRIGGER outbox_bytes_never_change BEFORE UPDATE ON outbox_bytes
BEGIN
  SELECT RAISE(ABORT, 'a finished message never changes');
END;

-- Large bytes that several messages to maintainers have in common, once, in blocks: a row is held in memory several times. They
-- stay until the last of those messages has left, or is sent without them.
CREATE TABLE outbox_shared (
  id    TEXT    NOT NULL,
  block INTEGER NOT NULL,
  raw   BLOB    NOT NULL,
  PRIMARY KEY (id, block)
) STRICT;

CREATE INDEX outbox_sharing ON outbox (shared_id) WHERE shared_id IS NOT NULL AND state <> 'sent' AND form = 'whole';

CREATE TRIGGER outbox_shared_kept BEFORE DELETE ON outbox_shared
WHEN EXISTS (SELECT 1 FROM outbox WHERE shared_id = OLD.id AND state <> 'sent' AND form = 'whole')
BEGIN
  SELECT RAISE(ABORT, 'a message that was not sent keeps its bytes');
END;

CREATE TRIGGER outbox_shared_never_change BEFORE UPDATE ON outbox_shared
BEGIN
  SELECT RAISE(ABORT, 'a finished message never changes');
END;

CREATE TRIGGER outbox_shared_left AFTER UPDATE OF state, form ON outbox
WHEN NEW.shared_id IS NOT NULL AND (NEW.state = 'sent' OR NEW.form <> 'whole') AND NOT EXISTS (SELECT 1 FROM outbox
  WHERE shared_id = NEW.shared_id AND state <> 'sent' AND form = 'whole')
BEGIN
  DELETE FROM outbox_shared WHERE id = NEW.shared_id;
END;

CREATE TRIGGER outbox_sent AFTER UPDATE OF state ON outbox WHEN NEW.state = 'sent'
BEGIN
  DELETE FROM outbox_bytes WHERE outbox_id = NEW.id AND NOT (NEW.form = 'spare' AND form = 'small');
END;

CREATE TRIGGER outbox_form AFTER UPDATE OF form ON outbox WHEN NEW.form <> OLD.form
BEGIN
  DELETE FROM outbox_bytes WHERE outbox_id = NEW.id AND form <> iif(NEW.form = 'spare', 'small', NEW.form);
END;

CREATE INDEX outbox_spare ON outbox (sent_at) WHERE form = 'spare';
CREATE INDEX outbox_forwards ON outbox (files_of, state, form, size) WHERE files_of IS NOT NULL AND state <> 'sent' AND form <> 'gone';
CREATE INDEX outbox_given_up ON outbox (outcome_at) WHERE state = 'given-up' AND form <> 'gone';

-- The one record (G8): typed events, only ever added; each carries the hash of the one before. Particulars are data without
-- content, subjects or addresses: the record outlives a purge.
CREATE TABLE events (
  -- 1, 2, 3 ... without a gap.
  id               INTEGER PRIMARY KEY AUTOINCREMENT,
  at               TEXT    NOT NULL CHECK (length(at) = 24),
  kind             TEXT    NOT NULL CHECK (kind <> ''),
  subject_kind     TEXT    NOT NULL CHECK (subject_kind IN ('case', 'member', 'maintainer', 'desk')),
  -- Case number, member or maintainer id, '' for the desk.
  subject_id       TEXT    NOT NULL CHECK ((subject_kind = 'desk') = (subject_id = '')),
  actor_kind       TEXT    NOT NULL CHECK
                     (actor_kind IN ('desk', 'operator', 'maintainer', 'member', 'reporter', 'somebody')),
  actor_id         TEXT    NOT NULL,
  -- A JSON object, by kind.
  about            TEXT    NOT NULL CHECK (json_valid(about)),
  -- The message that made it happen, its bytes, and the signature that gave it authority.
  arrival_id       INTEGER NULL REFERENCES arrivals (id),
  message_sha256   TEXT    NULL CHECK (length(message_sha256) = 64),
  signature_sha256 TEXT    NULL CHECK (length(signature_sha256) = 64),
  -- Hash of event id-1; 64 zeros for the first.
  previous_hash    TEXT    NOT NULL CHECK (length(previous_hash) = 64),
  hash             TEXT    NOT NULL CHECK (length(hash) = 64)
) STRICT;

CREATE INDEX events_of_kind ON events (subject_kind, subject_id, kind, id);
-- The newest event that clocks go by: a person who is told of many cases has many rows of 'told'. No index has all events of a
-- subject by id: SQLite would take it wherever a query sorts events of some kinds by id, and read those of the others, too.
CREATE INDEX events_of_clocks ON events (subject_kind, subject_id, id) WHERE kind <> 'told';

CREATE TRIGGER events_no_update BEFORE UPDATE ON events
BEGIN
  SELECT RAISE(ABORT, 'events never change');
END;

CREATE TRIGGER events_no_delete BEFORE DELETE ON events
BEGIN
  SELECT RAISE(ABORT, 'events are never deleted');
END;

-- INSERT OR REPLACE deletes without firing delete triggers; this also keeps the chain whole.
CREATE TRIGGER events_only_append BEFORE INSERT ON events
WHEN NEW.id IS NOT (SELECT coalesce(max(id), 0) + 1 FROM events)
  OR NEW.previous_hash IS NOT coalesce((SELECT hash FROM events ORDER BY id DESC LIMIT 1), printf('%064d', 0))
BEGIN
  SELECT RAISE(ABORT, 'events are only appended');
END;

-- When the clocks of a subject have to be looked at again: written with every event but `told`, read at every tick.
CREATE TABLE looks (
  subject_kind TEXT    NOT NULL,
  subject_id   TEXT    NOT NULL,
  -- NULL: nothing rings any more until the next event.
  next_look_at TEXT    NULL CHECK (length(next_look_at) = 24),
  -- The promise that is due first, for lists of cases.
  due_json     TEXT    NULL CHECK (length(due_json ->> 'at') = 24),
  -- Everything before this event has been told by the clocks whose every start is a run of its own.
  each_from    INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (subject_kind, subject_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX looks_next ON looks (next_look_at) WHERE next_look_at IS NOT NULL;

-- What a clock has told: written only with the message that tells it, or where it had nothing to say (at and message are NULL).
CREATE TABLE rings (
  subject_kind TEXT    NOT NULL,
  subject_id   TEXT    NOT NULL,
  clock        TEXT    NOT NULL,
  -- The event that started this run.
  generation   INTEGER NOT NULL REFERENCES events (id),
  -- looks.each_from of the look at which it was told: nothing before that event was told with this one.
  each_from    INTEGER NOT NULL,
  step         TEXT    NOT NULL,
  -- Id of the maintainer that was told; '' for the member that the clock is about.
  recipient    TEXT    NOT NULL,
  -- The last repetition of the step that was told.
  "repeat"     INTEGER NOT NULL,
  -- The particular that names the cause, where a clock has one: one alarm a cause, recipient and day.
  "key"        TEXT    NOT NULL,
  at           TEXT    NULL CHECK (length(at) = 24),
  -- The message that told it: one that does not arrive is told again.
  message_id   TEXT    NULL CHECK ((message_id IS NULL) = (at IS NULL)),
  PRIMARY KEY (subject_kind, subject_id, clock, generation, step, recipient)
) STRICT, WITHOUT ROWID;

CREATE INDEX rings_by_message ON rings (message_id);

-- Small state by name; store/meta.ts lists the names.
CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

-- Cases, what was said in them, the keys that answers are sealed to, the secret list and its notices.

CREATE TABLE cases (
  id               INTEGER PRIMARY KEY AUTOINCREMENT,
  -- PREFIX-YEAR-NNNN, the number people use.
  tag              TEXT    NOT NULL UNIQUE,
  product          TEXT    NOT NULL,
  state            TEXT    NOT NULL CHECK (state IN
                     ('received', 'triaging', 'needs-info', 'accepted', 'planned', 'noticed', 'disclosed', 'rejected', 'merged',
                      'closed')),
  subject          TEXT    NOT NULL,
  received_at      TEXT    NOT NULL CHECK (length(received_at) = 24),
  opened_at        TEXT    NOT NULL CHECK (length(opened_at) = 24),
  owner            TEXT    NULL,
  disclosure_at    TEXT    NULL CHECK (length(disclosure_at) = 24),
  -- Zone or offset in which it was written.
  disclosure_zone  TEXT    NULL,
  -- Number of the case that it was merged into.
  merged_into      TEXT    NULL,
  -- Head of the maintainers' thread; never sent itself.
  maintainer_root  TEXT    NOT NULL,
  -- Grows with every change, so that two writers cannot overwrite each other unseen.
  version          INTEGER NOT NULL DEFAULT 1,
  CHECK (merged_into IS NULL OR state = 'merged')
) STRICT;

-- Who reported, and those whose cases were merged into it.
CREATE TABLE case_reporters (
  -- The number that their report got: it stays when the case is merged.
  id             TEXT PRIMARY KEY,
  case_id        INTEGER NOT NULL REFERENCES cases (id),
  -- Answers go to this address and to no other; NULL when the report named none.
  address        TEXT    NULL,
  name           TEXT    NOT NULL DEFAULT '',
  began_in_clear INTEGER NOT NULL CHECK (began_in_clear IN (0, 1)),
  -- Head of the thread with them, and their latest message.
  root           TEXT    NOT NULL,
  latest         TEXT    NULL
) STRICT;

-- Cases whose list is told and whose date is to come: only their notices may lack a member.
CREATE INDEX cases_dated ON cases (id) WHERE state IN ('planned', 'noticed');
CREATE INDEX cases_noticed ON cases (disclosure_at) WHERE state = 'noticed';
CREATE INDEX case_reporters_by_case ON case_reporters (case_id);
CREATE INDEX case_reporters_by_address ON case_reporters (lower(address));

-- Words of maintainers to reporters of whom no usable key is known: they leave, encrypted, when one comes (G3).
CREATE TABLE waiting_words (
  id               INTEGER PRIMARY KEY AUTOINCREMENT,
  reporter_id      TEXT    NOT NULL REFERENCES case_reporters (id),
  -- Id of the maintainer.
  author_id        TEXT    NOT NULL,
  -- A JSON object: the kind of message, its parameters, and what is recorded when it leaves.
  words            TEXT    NOT NULL CHECK (json_valid(words)),
  at               TEXT    NOT NULL CHECK (length(at) = 24),
  -- The maintainer's message, its bytes and the signature that gave it authority; one message makes one for each reporter.
  arrival_id       INTEGER NOT NULL REFERENCES arrivals (id),
  message_sha256   TEXT    NULL CHECK (length(message_sha256) = 64),
  signature_sha256 TEXT    NULL CHECK (length(signature_sha256) = 64),
  UNIQUE (arrival_id, reporter_id)
) STRICT;

CREATE INDEX waiting_words_by_reporter ON waiting_words (reporter_id, id);

CREATE TABLE messages (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  case_id    INTEGER NOT NULL REFERENCES cases (id),
  arrival_id INTEGER NOT NULL REFERENCES arrivals (id),
  at         TEXT    NOT NULL CHECK (length(at) = 24),
  author     TEXT    NOT NULL CHECK (author IN ('reporter', 'maintainer', 'member', 'other')),
  author_id  TEXT    NOT NULL DEFAULT '',
  audience   TEXT    NOT NULL CHECK (audience IN ('internal', 'reporter', 'member')),
  subject    TEXT    NOT NULL,
  text       TEXT    NOT NULL,
  message_id TEXT    NULL
) STRICT;

CREATE INDEX messages_by_case ON messages (case_id, id);
-- What reporters answer of their own.
CREATE INDEX messages_by_message_id ON messages (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX messages_by_arrival ON messages (arrival_id);

-- Keys that came under the addresses of reporters: the one that answers are sealed to, those offered and not accepted, refused,
-- or replaced. policy/reporter-key.ts says when a message may replace the one in use; else a maintainer chooses.
CREATE TABLE reporter_keys (
  -- Lower case.
  address       TEXT NOT NULL,
  fingerprint   TEXT NOT NULL CHECK (length(fingerprint) IN (40, 64)),
  key_data      BLOB NOT NULL,
  source        TEXT NOT NULL CHECK (source IN ('autocrypt', 'attached')),
  first_seen_at TEXT NOT NULL CHECK (length(first_seen_at) = 24),
  is_used       INTEGER NOT NULL DEFAULT 0 CHECK (is_used IN (0, 1)),
  -- Whether answers were ever sealed to it. Only the newest former keys and the newest offered ones are kept, beside the refused.
  was_in_use    INTEGER NOT NULL DEFAULT 0 CHECK (was_in_use IN (0, 1) AND was_in_use >= is_used),
  -- Whether a message from the address was signed with the key, or a maintainer accepted it: only then does a message that
  -- another key signed look like another person's.
  is_proved     INTEGER NOT NULL DEFAULT 0 CHECK (is_proved IN (0, 1)),
  -- When a maintainer said that it is not the reporter's, and who: it counts for nothing, also when it comes again.
  refused_at    TEXT CHECK (length(refused_at) = 24),
  refused_by    TEXT CHECK ((refused_by IS NULL) = (refused_at IS NULL)),
  PRIMARY KEY (address, fingerprint)
) STRICT;

CREATE UNIQUE INDEX reporter_keys_used ON reporter_keys (address) WHERE is_used = 1;

-- Every signature that ever had authority: none has it twice.
CREATE TABLE used_signatures (
  sha256     TEXT PRIMARY KEY CHECK (length(sha256) = 64),
  arrival_id INTEGER NOT NULL REFERENCES arrivals (id)
) STRICT;

-- Marks of what came, and its senders: a message that comes again over another path is one, and what two people claim as theirs
-- is told so (G6).
CREATE TABLE contents (
  mark       TEXT    NOT NULL CHECK (length(mark) = 64),
  -- Lower case; '' when the message named no usable sender.
  address    TEXT    NOT NULL,
  -- The first message in which it came so.
  arrival_id INTEGER NOT NULL REFERENCES arrivals (id),
  PRIMARY KEY (mark, address)
) STRICT, WITHOUT ROWID;

-- Reports without an acknowledgement of their own, until the sender's daily list has named them.
CREATE TABLE further_reports (
  case_id     INTEGER PRIMARY KEY REFERENCES cases (id),
  address     TEXT NOT NULL,
  -- Lower case.
  address_key TEXT NOT NULL,
  list_from   TEXT NOT NULL CHECK (length(list_from) = 24)
) STRICT;

CREATE INDEX further_reports_by_address ON further_reports (address_key);

-- What came of senders whom nobody here has answered yet, reports and, until a maintainer acts in their case, further messages:
-- how many of them were forwarded lately, and which came in a list (A5).
CREATE TABLE stranger_mail (
  arrival_id   INTEGER PRIMARY KEY REFERENCES arrivals (id),
  case_id      INTEGER NOT NULL REFERENCES cases (id),
  is_report    INTEGER NOT NULL CHECK (is_report IN (0, 1)),
  at           TEXT    NOT NULL CHECK (length(at) = 24),
  -- Of the address in From, lower case; '' for none.
  domain       TEXT    NOT NULL,
  is_proved    INTEGER NOT NULL CHECK (is_proved IN (0, 1)),
  is_forwarded INTEGER NOT NULL CHECK (is_forwarded IN (0, 1)),
  -- The event that planned the list which names it; NULL until that is made.
  list         INTEGER NULL REFERENCES events (id),
  CHECK (is_forwarded = 0 OR list IS NULL)
) STRICT;

CREATE INDEX stranger_mail_forwarded ON stranger_mail (at) WHERE is_forwarded = 1;
CREATE INDEX stranger_mail_unlisted ON stranger_mail (case_id) WHERE is_forwarded = 0 AND list IS NULL;
CREATE INDEX stranger_mail_listed ON stranger_mail (list) WHERE list IS NOT NULL;
CREATE INDEX stranger_mail_by_case ON stranger_mail (case_id) WHERE is_forwarded = 0;

-- The secret list (G5). The whole file is encrypted; nothing of this table reaches a log.
CREATE TABLE members (
  id             TEXT PRIMARY KEY,
  name           TEXT NOT NULL,
  address        TEXT NOT NULL,
  -- Lower case; one member an address.
  address_key    TEXT NOT NULL UNIQUE,
  -- The list of those about which they get notices, as JSON.
  products       TEXT NOT NULL CHECK (json_type(products) = 'array'),
  state          TEXT NOT NULL CHECK (state IN ('active', 'removed')),
  fingerprint    TEXT NOT NULL CHECK (length(fingerprint) IN (40, 64)),
  key_data       BLOB NOT NULL,
  -- NULL when the key does not expire. For counting only: the key is judged again when it is used.
  key_expires_at TEXT NULL CHECK (length(key_expires_at) = 24),
  added_at       TEXT NOT NULL CHECK (length(added_at) = 24)
) STRICT;

CREATE INDEX members_by_fingerprint ON members (fingerprint);

-- One advance notice a case, in revisions.
CREATE TABLE notices (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  case_id     INTEGER NOT NULL UNIQUE REFERENCES cases (id),
  product     TEXT    NOT NULL,
  state       TEXT    NOT NULL CHECK (state IN ('drafting', 'scheduled', 'releasing', 'released', 'held')),
  revision    INTEGER NOT NULL CHECK (revision > 0),
  -- A JSON object of the fields that are text.
  fields      TEXT    NOT NULL CHECK (json_valid(fields)),
  -- The content that the list read before this revision, a JSON object; NULL for the first notice.
  told        TEXT    NULL CHECK (told IS NULL OR json_valid(told)),
  release_at  TEXT    NULL CHECK (length(release_at) = 24),
  released_at TEXT    NULL CHECK (length(released_at) = 24),
  -- The digest of what the list may read now, by the release that has begun last; NULL before one and after a hold. Copies
  -- that say anything else stay here.
  released_digest TEXT NULL CHECK (length(released_digest) = 64),
  version     INTEGER NOT NULL DEFAULT 1,
  CHECK (state <> 'scheduled' OR release_at IS NOT NULL)
) STRICT;

CREATE INDEX notices_due ON notices (state) WHERE state IN ('scheduled', 'releasing');
CREATE INDEX notices_next ON notices (release_at) WHERE state = 'scheduled';
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

-- One member's copy of one revision.
CREATE TABLE deliveries (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  notice_id  INTEGER NOT NULL REFERENCES notices (id),
  revision   INTEGER NOT NULL,
  member_id  TEXT    NOT NULL REFERENCES members (id),
  state      TEXT    NOT NULL CHECK (state IN ('waiting', 'queued', 'held')),
  -- Why it is held: a code.
  because    TEXT    NULL,
  -- The message it became.
  outbox_id  INTEGER NULL REFERENCES outbox (id),
  -- The key it was sealed to; with the message's address it tells whether that message is still right for the member.
  sealed_to  TEXT    NULL CHECK (length(sealed_to) IN (40, 64)),
  -- The digest of what it says, words of the configuration included: it leaves under an approval of exactly that (G7).
  content_digest TEXT NULL CHECK (length(content_digest) = 64),
  changed_at TEXT    NOT NULL CHECK (length(changed_at) = 24),
  UNIQUE (notice_id, member_id, revision),
  CHECK ((state = 'queued') = (outbox_id IS NOT NULL)),
  CHECK (outbox_id IS NULL OR (sealed_to IS NOT NULL AND content_digest IS NOT NULL))
) STRICT;

CREATE INDEX deliveries_waiting ON deliveries (notice_id, id) WHERE state = 'waiting';
CREATE INDEX deliveries_by_outbox ON deliveries (outbox_id) WHERE outbox_id IS NOT NULL;
CREATE INDEX deliveries_by_member ON deliveries (member_id);
-- The first message of a case to each member heads the References of the next ones.
CREATE INDEX outbox_by_recipient ON outbox (case_id, audience, recipient_id, id) WHERE case_id IS NOT NULL;

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

-- Messages in the junk folder that are not for the desk: listed in the next digest, then forgotten. Only the first and the
-- newest 999 are kept; their ids tell how many came.
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

-- Reporters of cases, as the program reads them.
CREATE VIEW reporters AS
SELECT case_reporters.*, tag AS case_tag, product,
  -- Whether this person's reports in the case all began in clear (G3).
  (SELECT min(began_in_clear) FROM case_reporters AS same WHERE same.id = case_reporters.id
    OR (same.case_id = case_reporters.case_id AND lower(same.address) = lower(case_reporters.address))) AS all_in_clear,
  (SELECT opened_at FROM cases AS own WHERE own.tag = case_reporters.id) AS opened_at,
  -- When a person wrote the first answer to this report, or to another one of theirs in the case after it; a lost one is none.
  (SELECT min(created_at) FROM case_reporters AS same JOIN outbox ON recipient_id = same.id AND audience = 'reporter'
    AND kind IN ('reply', 'accepted', 'rejected', 'merged', 'closed', 'reopened')
    WHERE outbox.state <> 'given-up' AND bounced_at IS NULL AND (same.id = case_reporters.id
      -- Not by the index of addresses: one person may have reported in thousands of cases.
      OR (same.case_id = case_reporters.case_id AND +lower(same.address) = lower(case_reporters.address)
        AND created_at >= (SELECT opened_at FROM cases AS own WHERE own.tag = case_reporters.id)))) AS answered_at,
  iif(address IS NULL, 'null', json_object('name', name, 'address', address)) AS contact,
  (SELECT json_group_array(fingerprint ORDER BY first_seen_at DESC, fingerprint) FROM reporter_keys
    WHERE reporter_keys.address = lower(case_reporters.address) AND is_used = 0 AND refused_at IS NULL) AS unused_keys
FROM case_reporters JOIN cases ON cases.id = case_id;

-- Cases with their reporters.
CREATE VIEW case_records AS
SELECT cases.*,
  (SELECT json_object('kind', kind, 'code', coalesce(about ->> 'code', ''), 'reason', coalesce(about ->> 'reason', ''))
    FROM events WHERE subject_kind = 'case' AND subject_id = tag
      AND kind IN ('accepted', 'rejected', 'disclosed', 'closed', 'reopened') ORDER BY events.id DESC LIMIT 1) AS decided_json,
  coalesce((SELECT about ->> 'reason' FROM events WHERE subject_kind = 'case' AND subject_id = tag
    AND kind = 'embargo-set' ORDER BY events.id DESC LIMIT 1), '') AS disclosure_reason,
  (SELECT json_group_array(json_object('id', id, 'openedAt', opened_at, 'contact', json(contact),
      'beganInClear', json(iif(all_in_clear, 'true', 'false')), 'unusedKeys', json(unused_keys), 'root', root, 'latest', latest,
      'answeredAt', answered_at) ORDER BY id <> case_tag, id)
    FROM reporters WHERE case_id = cases.id) AS reporters_json
FROM cases;

-- The same with the promise that is due first, as the last look at the case's clocks found it.
CREATE VIEW listed_cases AS
SELECT case_records.*, due_json,
  EXISTS (SELECT 1 FROM notices WHERE notices.case_id = case_records.id AND notices.state = 'released')
    AND state = 'noticed' AS is_list_told,
  state NOT IN ('rejected', 'merged', 'closed') OR EXISTS (SELECT 1 FROM events
    WHERE subject_kind = 'case' AND subject_id = tag AND kind = 'disclosed') AS has_date
FROM case_records LEFT JOIN looks ON subject_kind = 'case' AND subject_id = tag;

-- Cases in which no maintainer has done anything but look.
CREATE VIEW untouched_cases AS
SELECT id, tag FROM cases WHERE NOT EXISTS (SELECT 1 FROM events WHERE subject_kind = 'case' AND subject_id = tag
  AND actor_kind = 'maintainer' AND kind NOT IN ('forwarded', 'commands-ran', 'commands-refused'));

-- Reports in them that were not forwarded.
CREATE VIEW untouched_reports AS
SELECT stranger_mail.*, tag FROM stranger_mail JOIN untouched_cases ON untouched_cases.id = case_id
WHERE is_report = 1 AND is_forwarded = 0;

-- Open cases with a reporter who waits for the first answer or wrote after the last one, undecided ones with a reporter who cannot
-- be answered, and all cases in which words wait for a reporter's key (B10).
CREATE VIEW unanswered_cases AS
SELECT id FROM cases WHERE state NOT IN ('rejected', 'merged', 'closed')
  AND (EXISTS (SELECT 1 FROM reporters WHERE case_id = cases.id AND answered_at IS NULL AND (address IS NOT NULL OR state IN ('received', 'triaging', 'needs-info')))
    OR EXISTS (SELECT 1 FROM events AS wrote WHERE subject_kind = 'case' AND subject_id = tag AND kind = 'reporter-wrote'
      AND NOT EXISTS (SELECT 1 FROM events WHERE subject_kind = 'case' AND subject_id = tag AND id > wrote.id
        AND kind IN ('answered', 'plan-told', 'info-asked') AND about ->> 'reporter' = wrote.about ->> 'reporter'
        -- Words that had waited for a key answer nothing that came after them.
        AND coalesce(about ->> 'writtenAt' >= wrote.at, 1))))
UNION SELECT case_id FROM case_reporters JOIN waiting_words ON reporter_id = case_reporters.id;

-- Words that wait, with the case that their reporter belongs to now.
CREATE VIEW kept_words AS
SELECT waiting_words.id, case_tag AS tag, product, author_id, waiting_words.arrival_id, words AS words_json, at, address,
  json_object('contact', json(contact), 'beganInClear', json(iif(all_in_clear, 'true', 'false')),
    -- The first report of a person who has several, as everywhere (domain/case.ts, reporterWith).
    'id', (SELECT first.id FROM case_reporters AS first WHERE first.case_id = reporters.case_id
      AND lower(first.address) = lower(reporters.address) ORDER BY first.id <> case_tag, first.id LIMIT 1)) AS reporter_json
FROM waiting_words JOIN reporters ON reporters.id = reporter_id;

-- Notices, as the program reads them; their authors, previews and approvals stand in the record.
CREATE VIEW notice_records AS
SELECT id, case_tag, product, state, revision, fields_json, told_json, release_at, iif(has_left, released_at, NULL) AS released_at,
  version, has_left, patches_json
FROM (SELECT notices.id, cases.tag AS case_tag, notices.product, notices.state, revision, fields AS fields_json,
    told AS told_json, release_at, released_at, notices.version,
    -- What a hold keeps here, or the server refused, has left only if the outcome of an attempt is not known.
    EXISTS (SELECT 1 FROM deliveries JOIN outbox ON outbox.id = outbox_id
      WHERE deliveries.notice_id = notices.id AND deliveries.revision = notices.revision AND deliveries.state = 'queued'
        AND (outbox.state IN ('queued', 'sending', 'sent')
          OR attempts > 0 AND coalesce(last_outcome, 'uncertain') = 'uncertain')) AS has_left,
    (SELECT json_group_array(json_object('filename', filename, 'contentType', content_type, 'size', length(content),
      'sha256', sha256) ORDER BY id) FROM patches WHERE notice_id = notices.id) AS patches_json
  FROM notices JOIN cases ON cases.id = notices.case_id);

-- Released notices, of cases whose date is to come, of which no copy has left and none still may.
CREATE VIEW released_in_vain AS
SELECT notices.id FROM cases JOIN notices ON case_id = cases.id
WHERE cases.state IN ('planned', 'noticed') AND notices.state = 'released'
  AND NOT EXISTS (SELECT 1 FROM deliveries JOIN outbox ON outbox.id = outbox_id
    WHERE deliveries.notice_id = notices.id AND deliveries.revision = notices.revision
      AND outbox.state IN ('queued', 'sending', 'sent'));

-- Copies of notices with their members and messages.
CREATE VIEW copies AS
SELECT deliveries.id, deliveries.notice_id, deliveries.revision, deliveries.because, deliveries.outbox_id, deliveries.content_digest,
  deliveries.state AS own_state, outbox.state AS sending, outbox.not_after, outbox.next_attempt_at,
  -- How it stands, as people see it.
  CASE WHEN deliveries.state <> 'queued' THEN deliveries.state
       WHEN outbox.bounced_at IS NOT NULL THEN 'bounced'
       WHEN outbox.state = 'sending' THEN 'queued'
       ELSE outbox.state END AS state,
  coalesce(outbox.sent_at, deliveries.changed_at) AS at,
  -- When it could have left first.
  max(outbox.not_before, outbox.created_at) AS since,
  cases.tag AS case_tag, cases.disclosure_at AS disclosure_at, cases.disclosure_zone,
  notices.product, notices.released_digest,
  member_id, members.name, members.address, members.fingerprint, members.key_data, members.state = 'active' AS is_active,
  -- Whether the member gets notices about the product now.
  members.state = 'active' AND notices.product IN (SELECT value FROM json_each(members.products)) AS is_listed,
  -- Whether it was made for the address and the key that the member has now.
  outbox.envelope_to = members.address AND deliveries.sealed_to = members.fingerprint AS is_addressed,
  -- Whether a copy of an earlier revision left for the member.
  EXISTS (SELECT 1 FROM deliveries AS earlier JOIN outbox AS sent ON sent.id = earlier.outbox_id AND sent.state = 'sent'
    WHERE earlier.notice_id = deliveries.notice_id AND earlier.member_id = deliveries.member_id
      AND earlier.revision < deliveries.revision) AS had_notice,
  -- Whether the record says that it waits.
  EXISTS (SELECT 1 FROM events WHERE subject_kind = 'case' AND subject_id = cases.tag AND kind = 'copy-waits'
    AND about ->> 'member' = deliveries.member_id AND about ->> 'revision' = deliveries.revision) AS is_on_record,
  -- When the issue became public, or is to become public.
  coalesce((SELECT about ->> 'date' FROM events WHERE subject_kind = 'case' AND subject_id = cases.tag
    AND kind = 'disclosed' ORDER BY events.id DESC LIMIT 1), cases.disclosure_at) AS public_at,
  -- Whether no doubt about the clock is newer than a release or the disclosure of the case, which say the time.
  coalesce((SELECT kind FROM (
    SELECT id, kind FROM events WHERE subject_kind = 'desk' AND subject_id = '' AND kind IN ('clock-doubted', 'clock-trusted')
    UNION ALL SELECT id, kind FROM events
      WHERE subject_kind = 'case' AND subject_id = cases.tag AND kind IN ('notice-leaving', 'disclosed')
    ) ORDER BY id DESC LIMIT 1), '') <> 'clock-doubted' AS is_time_known,
  -- Why it did not arrive.
  coalesce(deliveries.because,
    CASE WHEN outbox.bounced_at IS NOT NULL THEN 'it came back'
         WHEN outbox.state = 'given-up' AND last_outcome = 'rejected' THEN 'refused (code ' || last_code || ')'
         WHEN outbox.state = 'given-up' THEN 'not taken in time'
         WHEN outbox.state <> 'held' THEN NULL
         WHEN members.state <> 'active' THEN 'removed'
         WHEN EXISTS (SELECT 1 FROM events WHERE subject_kind = 'case' AND subject_id = cases.tag AND kind = 'copy-dropped'
           AND about ->> 'member' = deliveries.member_id) THEN 'too late'
         ELSE 'no longer approved' END) AS why
FROM deliveries JOIN notices ON notices.id = deliveries.notice_id JOIN cases ON cases.id = notices.case_id
  JOIN members ON members.id = member_id LEFT JOIN outbox ON outbox.id = outbox_id;

-- How many copies of a notice are where, by its newest revision; what is here counts copies of all revisions in the outbox.
CREATE VIEW copy_counts AS
SELECT notice_id, max(revision) AS revision,
  count(*) FILTER (WHERE state = 'waiting') +
    (SELECT count(*) FROM outbox WHERE outbox.notice_id = copies.notice_id AND outbox.state = 'queued') AS here,
  (SELECT count(*) FROM outbox WHERE outbox.notice_id = copies.notice_id AND outbox.state = 'sending') AS on_the_way,
  count(*) FILTER (WHERE sending = 'given-up') AS given_up, count(*) FILTER (WHERE sending = 'sent') AS left
FROM copies
WHERE revision = (SELECT max(deliveries.revision) FROM deliveries WHERE deliveries.notice_id = copies.notice_id)
GROUP BY notice_id;

-- Active members whom a notice would still reach if it were approved as it is: by a new copy, or by a held one that goes on. A copy
-- that came back did not reach its member.
CREATE VIEW unreached AS
SELECT notices.id AS notice_id, notices.revision, notices.state = 'released' AND cases.state = 'noticed' AS is_told,
  cases.tag AS case_tag, cases.disclosure_at, members.id AS member_id,
  -- Whether they came on the list, or came back, after the copies were made.
  NOT EXISTS (SELECT 1 FROM deliveries WHERE notice_id = notices.id AND deliveries.revision = notices.revision
    AND member_id = members.id AND changed_at > members.added_at) AS is_new,
  EXISTS (SELECT 1 FROM events WHERE subject_kind = 'case' AND subject_id = tag AND kind = 'copy-missing'
    AND about ->> 'member' = members.id AND about ->> 'revision' = notices.revision) AS is_on_record
FROM notices JOIN cases ON cases.id = notices.case_id
  JOIN members ON members.state = 'active' AND notices.product IN (SELECT value FROM json_each(members.products))
WHERE NOT EXISTS (SELECT 1 FROM copies WHERE copies.notice_id = notices.id AND copies.revision = notices.revision
  AND copies.member_id = members.id
  AND CASE sending WHEN 'sent' THEN copies.state <> 'bounced' WHEN 'held' THEN 0 ELSE is_addressed END);
