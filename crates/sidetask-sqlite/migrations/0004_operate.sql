-- The span that it was enqueued in, as a traceparent.
ALTER TABLE sidetask_jobs ADD COLUMN trace TEXT;

-- By state first, so that the few that are retryable are found beside any number that are scheduled. Promotion reads each
-- state's own.
DROP INDEX sidetask_jobs_due;
CREATE INDEX sidetask_jobs_due ON sidetask_jobs (state, run_at, seq) WHERE state IN (0, 3) AND held IS NULL;

-- What attempts logged. A row may be large, and is found by an index that is not.
CREATE TABLE sidetask_logs (
    job     BLOB    NOT NULL,
    attempt INTEGER NOT NULL,
    text    TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX sidetask_logs_attempt ON sidetask_logs (job, attempt);

-- How much was done in each minute. Times are in microseconds.
CREATE TABLE sidetask_activity (
    minute    INTEGER NOT NULL,
    queue     TEXT    NOT NULL,
    completed INTEGER NOT NULL,
    failed    INTEGER NOT NULL,
    discarded INTEGER NOT NULL,
    waited    INTEGER NOT NULL,
    ran       INTEGER NOT NULL,
    longest   INTEGER NOT NULL,
    attempts  INTEGER NOT NULL,
    PRIMARY KEY (minute, queue)
) STRICT, WITHOUT ROWID;
