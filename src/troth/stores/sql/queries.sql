-- Every statement the SQLite store runs, by name. `{fragment}` repeats a fragment defined here.

-- fragment: promise
p.id, p.state, p.timeout_at, p.created_at, p.settled_at, p.target, p.branch, p.tags,
p.param_headers, p.param_data, p.value_headers, p.value_data

-- fragment: task
p.id, p.task_state, p.version, p.pid, p.ttl, p.expires_at, p.retry_at, p.resumes

-- fragment: schedule
s.id, s.cron, s.promise_id, s.promise_timeout, s.param_headers, s.param_data, s.promise_tags,
s.created_at, s.next_run_at, s.last_run_at

-- A text compares below any blob, so :end may be x'' for "no end". `:tags` is a JSON object, NULL if nothing is asked.
-- fragment: promise_filter
p.id >= :first AND p.id < :end
  AND (:target IS NULL OR p.target = :target)
  AND (:branch IS NULL OR p.branch = :branch)
  AND (:tags IS NULL OR NOT EXISTS (
    SELECT 1 FROM json_each(:tags) AS want WHERE NOT EXISTS (
      SELECT 1 FROM json_each(p.tags) AS own WHERE own.key = want.key AND own.value = want.value)))


-- ---------------------------------------------------------------- load

-- name: load_invocation
SELECT {promise}, {task} FROM promises AS p WHERE p.id = ?

-- CROSS JOIN: walk the wanted ids and look each up, never the table.
-- name: load_invocations
SELECT {promise}, {task} FROM json_each(?) AS wanted CROSS JOIN promises AS p ON p.id = wanted.value

-- name: load_schedule
SELECT {schedule} FROM schedules AS s WHERE s.id = ?

-- name: subscribed
SELECT wanted.value FROM json_each(?) AS wanted
WHERE EXISTS (SELECT 1 FROM callbacks AS c WHERE c.awaited = wanted.value)
   OR EXISTS (SELECT 1 FROM listeners AS l WHERE l.awaited = wanted.value)

-- name: awaiters
SELECT awaiter FROM callbacks WHERE awaited = ? ORDER BY number LIMIT ?

-- name: addresses
SELECT address FROM listeners WHERE awaited = ? ORDER BY number LIMIT ?


-- ---------------------------------------------------------------- write

-- name: insert_promise
INSERT INTO promises (
  id, state, timeout_at, created_at, settled_at, target, branch, tags,
  param_headers, param_data, value_headers, value_data,
  task_state, version, pid, ttl, expires_at, retry_at, resumes
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: settle_promise
UPDATE promises SET state = ?, settled_at = ?, value_headers = ?, value_data = ? WHERE id = ?

-- name: put_task
UPDATE promises SET task_state = ?, version = ?, pid = ?, ttl = ?, expires_at = ?, retry_at = ?, resumes = ?
WHERE id = ?

-- name: settle_invocation
UPDATE promises SET
  state = ?, settled_at = ?, value_headers = ?, value_data = ?,
  task_state = ?, version = ?, pid = ?, ttl = ?, expires_at = ?, retry_at = ?, resumes = ?
WHERE id = ?

-- name: mark_undrained
UPDATE promises SET undrained = ? WHERE id = ?

-- name: add_callback
INSERT INTO callbacks (awaited, awaiter) VALUES (?, ?) ON CONFLICT DO NOTHING

-- name: remove_callback
DELETE FROM callbacks WHERE awaited = ? AND awaiter = ?

-- name: add_listener
INSERT INTO listeners (awaited, address) VALUES (?, ?) ON CONFLICT DO NOTHING

-- name: remove_listener
DELETE FROM listeners WHERE awaited = ? AND address = ?

-- IGNORE drops an edge that is stored already and one with an end that is not: both ends are NOT NULL. Written as
-- INSERT … SELECT this takes three times as long.
-- name: add_call
INSERT OR IGNORE INTO calls (caller, callee)
VALUES ((SELECT seq FROM promises WHERE id = ?), (SELECT seq FROM promises WHERE id = ?))

-- name: put_schedule
INSERT OR REPLACE INTO schedules (
  id, cron, promise_id, promise_timeout, param_headers, param_data, promise_tags, created_at, next_run_at, last_run_at
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: drop_schedule
DELETE FROM schedules WHERE id = ?


-- ---------------------------------------------------------------- due

-- name: timed_out
SELECT id FROM promises INDEXED BY promises_timeouts
WHERE state = 0 AND timeout_at < 9007199254740991 AND timeout_at <= ? ORDER BY timeout_at, seq LIMIT ?

-- name: expired
SELECT {task} FROM promises AS p INDEXED BY promises_leases
WHERE p.expires_at <= ? ORDER BY p.expires_at, p.seq LIMIT ?

-- name: due_schedules
SELECT {schedule} FROM schedules AS s WHERE s.next_run_at <= ? ORDER BY s.next_run_at, s.id LIMIT ?

-- name: undrained
SELECT id FROM promises INDEXED BY promises_undrained
WHERE undrained IS NOT NULL AND settled_at <= ? ORDER BY settled_at, seq LIMIT ?

-- name: runnable
SELECT {promise}, {task} FROM promises AS p INDEXED BY promises_queue
WHERE p.target = ? AND p.retry_at <= ? ORDER BY p.retry_at, p.seq LIMIT ?

-- name: next_due_at
SELECT min(at) FROM (
  SELECT 0 AS at WHERE EXISTS (SELECT 1 FROM promises WHERE undrained IS NOT NULL)
  UNION ALL SELECT min(timeout_at) FROM promises WHERE state = 0 AND timeout_at < 9007199254740991
  UNION ALL SELECT min(expires_at) FROM promises WHERE expires_at IS NOT NULL
  UNION ALL SELECT min(next_run_at) FROM schedules
)

-- From one target to the next, never through the tasks of one.
-- name: next_retry_at
WITH RECURSIVE targets (target) AS (
  SELECT min(target) FROM promises INDEXED BY promises_queue WHERE retry_at IS NOT NULL
  UNION ALL
  SELECT (SELECT min(p.target) FROM promises AS p INDEXED BY promises_queue
          WHERE p.retry_at IS NOT NULL AND p.target > targets.target)
  FROM targets WHERE targets.target IS NOT NULL
)
SELECT min((SELECT min(p.retry_at) FROM promises AS p INDEXED BY promises_queue
            WHERE p.target = targets.target AND p.retry_at > ?))
FROM targets


-- ---------------------------------------------------------------- search

-- name: search_promises
SELECT {promise} FROM promises AS p
WHERE {promise_filter} AND (:state IS NULL OR p.state = :state) ORDER BY p.id LIMIT :limit

-- name: search_failed_promises
SELECT {promise} FROM promises AS p INDEXED BY promises_failed
WHERE {promise_filter} AND p.state > 1 AND p.state = :state ORDER BY p.id LIMIT :limit

-- name: search_branch_promises
SELECT {promise} FROM promises AS p WHERE p.id IN (
  SELECT p.id FROM promises AS p INDEXED BY promises_branch
  WHERE p.branch = :branch AND {promise_filter} AND (:state IS NULL OR p.state = :state)
  ORDER BY p.id LIMIT :limit
) ORDER BY p.id

-- name: search_tasks
SELECT {task} FROM promises AS p
WHERE p.id >= :first AND p.task_state IS NOT NULL AND (:state IS NULL OR p.task_state = :state)
ORDER BY p.id LIMIT :limit

-- Held and waiting tasks are few among all that are fulfilled, and each has an index to itself: what an opening takes
-- back must not cost a walk over a million finished calls.
-- name: search_held_tasks
SELECT {task} FROM promises AS p INDEXED BY promises_leases
WHERE p.expires_at > 0 AND p.id >= :first AND p.task_state = :state
ORDER BY p.id LIMIT :limit

-- name: search_waiting_tasks
SELECT {task} FROM promises AS p INDEXED BY promises_queue
WHERE p.retry_at IS NOT NULL AND p.id >= :first AND p.task_state = :state
ORDER BY p.id LIMIT :limit

-- name: search_schedules
SELECT {schedule} FROM schedules AS s
WHERE s.id >= :first AND (:tags IS NULL OR NOT EXISTS (
  SELECT 1 FROM json_each(:tags) AS want WHERE NOT EXISTS (
    SELECT 1 FROM json_each(s.promise_tags) AS own WHERE own.key = want.key AND own.value = want.value)))
ORDER BY s.id LIMIT :limit


-- ---------------------------------------------------------------- the call graph

-- name: callees
SELECT {promise} FROM calls AS c CROSS JOIN promises AS p ON p.seq = c.callee
WHERE c.caller = (SELECT seq FROM promises WHERE id = ?) ORDER BY c.number

-- name: callers
SELECT {promise} FROM calls AS c CROSS JOIN promises AS p ON p.seq = c.caller
WHERE c.callee = (SELECT seq FROM promises WHERE id = ?) ORDER BY c.number

-- name: pending_seq
SELECT seq FROM promises WHERE id = ? AND state = 0

-- name: pending_callees
SELECT p.seq FROM calls AS c CROSS JOIN promises AS p ON p.seq = c.callee
WHERE c.caller = ? AND p.state = 0 ORDER BY c.number

-- name: pending_callers
SELECT p.seq FROM calls AS c CROSS JOIN promises AS p ON p.seq = c.caller
WHERE c.callee = ? AND p.state = 0 ORDER BY c.number

-- name: id_of
SELECT id FROM promises WHERE seq = ?


-- ---------------------------------------------------------------- snapshot

-- name: all_invocations
SELECT {promise}, {task} FROM promises AS p ORDER BY p.seq

-- name: all_callbacks
SELECT awaited, awaiter FROM callbacks ORDER BY number

-- name: all_listeners
SELECT awaited, address FROM listeners ORDER BY number

-- name: all_calls
SELECT caller.id, callee.id
FROM calls AS c CROSS JOIN promises AS caller ON caller.seq = c.caller CROSS JOIN promises AS callee ON callee.seq = c.callee
ORDER BY c.number

-- name: all_schedules
SELECT {schedule} FROM schedules AS s ORDER BY s.id


-- ---------------------------------------------------------------- transactions

-- name: begin_read
BEGIN

-- name: begin_write
BEGIN IMMEDIATE

-- name: commit
COMMIT

-- name: rollback
ROLLBACK

-- name: create_meta
INSERT INTO meta (store_id, created_at)
VALUES (lower(hex(randomblob(16))), CAST(unixepoch('subsec') * 1000 AS INTEGER))

-- name: quick_check
PRAGMA quick_check(20)
