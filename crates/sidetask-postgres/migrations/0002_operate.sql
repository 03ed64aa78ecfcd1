-- The span that a job was enqueued in, as a `traceparent`.
ALTER TABLE {s}.jobs ADD COLUMN trace text;
ALTER TABLE {s}.history ADD COLUMN trace text;

-- The few of a state among the many of others, for whoever pages through them from the newest on. One index of two states,
-- since each that there is costs every statement that writes.
CREATE INDEX jobs_waiting ON {s}.jobs (state, id) WHERE state IN (0, 3);
CREATE INDEX history_uncompleted ON {s}.history (state, id) WHERE state IN (5, 6);
DROP INDEX {s}.history_failed;

-- What attempts logged. It goes with the job.
CREATE TABLE {s}.logs (
    job     uuid   NOT NULL,
    attempt bigint NOT NULL,
    text    text   NOT NULL,
    PRIMARY KEY (job, attempt)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 1);

-- What reports and rescues say of attempts goes with the counts that they change: the minute where they say anything, how
-- many attempts failed, how many were reported, and for how long these waited and ran. A row with a minute counts nothing
-- as completed or discarded but what became so then.
ALTER TABLE {s}.tallies
    ADD COLUMN minute   bigint,
    ADD COLUMN failed   bigint NOT NULL DEFAULT 0,
    ADD COLUMN attempts bigint NOT NULL DEFAULT 0,
    ADD COLUMN waited   bigint NOT NULL DEFAULT 0,
    ADD COLUMN ran      bigint NOT NULL DEFAULT 0,
    ADD COLUMN longest  bigint NOT NULL DEFAULT 0;

-- The same of each minute, once the rows are folded.
CREATE TABLE {s}.activity (
    minute    bigint NOT NULL,
    queue     text   NOT NULL,
    completed bigint NOT NULL,
    discarded bigint NOT NULL,
    failed    bigint NOT NULL,
    attempts  bigint NOT NULL,
    waited    bigint NOT NULL,
    ran       bigint NOT NULL,
    longest   bigint NOT NULL,
    PRIMARY KEY (minute, queue)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
