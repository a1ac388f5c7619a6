-- What a troth file holds.
--
--   promises    the permanent memory: one row for every invocation there ever was. A promise is pending once, then
--               settled for ever; triggers see to it. Its task (the work behind it) lies in the same row, so that
--               creating an invocation is one insert and settling it is one update.
--   callbacks   whose task is resumed when a promise settles        (gone once it has fired)
--   listeners   which address is told when a promise settles        (gone once it was told)
--   calls       caller → callee: the call graph, never removed
--   schedules   cron lines that create promises
--   meta        one row: which store this is
--
-- Timers and queues are not tables but partial indexes: a row is in `promises_timeouts` while a deadline can still
-- strike, in `promises_leases` while somebody holds its task, in `promises_queue` while its task waits for a worker.
-- A settled row is in none of them, so finished work costs its row and its id, and what is due is found at once.
--
-- The task columns, by task_state:       pending        acquired              suspended   halted   fulfilled
--   retry_at (offered from)              set            -                     -           -        -
--   pid, ttl, expires_at (the lease)     -              set                   -           -        -
--
-- States are numbers:    promise  0 pending  1 resolved  2 rejected  3 rejected_canceled  4 rejected_timedout
--                        task     0 pending  1 acquired  2 suspended 3 halted             4 fulfilled
-- Instants are milliseconds since the epoch; 9007199254740991 (2^53 - 1) is never. Ids compare by their bytes.
-- Headers and tags are JSON objects, resumes a JSON array; NULL: none. Two tags that are looked up, target and branch,
-- have columns of their own and are not repeated in `tags`. Payloads come last, so that short columns are found
-- without walking through a long one.
--
-- This file is what the numbered migrations beside it add up to, and a test compares the two. To change the schema,
-- write the next migration, then change this file.

CREATE TABLE promises (
  seq           INTEGER PRIMARY KEY,              -- the order of creation, and how calls refer to a promise
  id            TEXT    NOT NULL UNIQUE,
  state         INTEGER NOT NULL,
  timeout_at    INTEGER NOT NULL,
  created_at    INTEGER NOT NULL,
  settled_at    INTEGER,
  target        TEXT,                             -- tag resonate:target: who may compute it
  branch        TEXT,                             -- tag resonate:branch: whose preload it is in
  tags          TEXT,                             -- the other tags
  task_state    INTEGER,                          -- NULL: no task
  version       INTEGER,                          -- fencing token: how often the task was granted
  pid           TEXT,
  ttl           INTEGER,                          -- milliseconds
  expires_at    INTEGER,
  retry_at      INTEGER,
  resumes       TEXT,                             -- ids that settled since the last grant
  undrained     INTEGER,                          -- 1: settled, but callbacks of it are still to be fired
  param_headers TEXT,
  value_headers TEXT,
  param_data    TEXT,
  value_data    TEXT
) STRICT;

CREATE INDEX promises_timeouts  ON promises (timeout_at)       WHERE state = 0 AND timeout_at < 9007199254740991;
CREATE INDEX promises_leases    ON promises (expires_at)       WHERE expires_at IS NOT NULL;
CREATE INDEX promises_queue     ON promises (target, retry_at) WHERE retry_at IS NOT NULL;
CREATE INDEX promises_undrained ON promises (settled_at)       WHERE undrained IS NOT NULL;

CREATE INDEX promises_branch    ON promises (branch)           WHERE branch IS NOT NULL;

-- For searches: most promises are resolved, and the failed ones must be found among a million that are. There is no
-- such index of the pending ones: every commit would write a page more for it, twice in the life of a promise.
CREATE INDEX promises_failed    ON promises (id)               WHERE state > 1;

-- Permanent means permanent. What a promise was born with never changes, what it was settled with neither.
CREATE TRIGGER promises_birth_is_permanent
  BEFORE UPDATE OF seq, id, timeout_at, created_at, target, branch, tags, param_headers, param_data ON promises
BEGIN
  SELECT RAISE(ABORT, 'what a promise was created with is permanent');
END;

CREATE TRIGGER promises_settled_is_permanent
  BEFORE UPDATE OF state, settled_at, value_headers, value_data ON promises WHEN OLD.state <> 0
BEGIN
  SELECT RAISE(ABORT, 'a settled promise is permanent');
END;

CREATE TRIGGER promises_are_permanent BEFORE DELETE ON promises
BEGIN
  SELECT RAISE(ABORT, 'a promise is permanent');
END;

-- Rows of the following two are read in the order in which they were added.
CREATE TABLE callbacks (
  number  INTEGER PRIMARY KEY,
  awaited TEXT NOT NULL,
  awaiter TEXT NOT NULL,
  UNIQUE (awaited, awaiter)
) STRICT;

CREATE TABLE listeners (
  number  INTEGER PRIMARY KEY,
  awaited TEXT NOT NULL,
  address TEXT NOT NULL,
  UNIQUE (awaited, address)
) STRICT;

-- Edges are numbers, because a promise of a deep tree would otherwise repeat two long ids for ever.
CREATE TABLE calls (
  number INTEGER PRIMARY KEY,                     -- the order of the calls
  caller INTEGER NOT NULL,                        -- promises.seq
  callee INTEGER NOT NULL,                        -- promises.seq
  UNIQUE (callee, caller)
) STRICT;

CREATE INDEX calls_caller ON calls (caller);

CREATE TABLE schedules (
  id              TEXT    PRIMARY KEY,
  cron            TEXT    NOT NULL,
  promise_id      TEXT    NOT NULL,               -- template of the ids
  promise_timeout INTEGER NOT NULL,               -- milliseconds
  param_headers   TEXT,
  param_data      TEXT,
  promise_tags    TEXT,
  created_at      INTEGER NOT NULL,
  next_run_at     INTEGER NOT NULL,
  last_run_at     INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX schedules_next ON schedules (next_run_at);

CREATE TABLE meta (
  store_id   TEXT    NOT NULL,                    -- random, so that two stores can be told apart
  created_at INTEGER NOT NULL
) STRICT;
