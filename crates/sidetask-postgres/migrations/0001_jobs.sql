-- `{s}` stands for the schema. Times are microseconds since 1970, by the database's clock.

-- By which a transaction in another database is told apart.
INSERT INTO {s}.meta VALUES ('store', gen_random_uuid()::text);

CREATE SEQUENCE {s}.seq;

-- Jobs that have not ended: the hot table, small as long as workers keep up.
CREATE TABLE {s}.jobs (
    seq              bigint   NOT NULL DEFAULT nextval('{s}.seq'),
    run_at           bigint   NOT NULL,
    created_at       bigint   NOT NULL,
    attempted_at     bigint,
    timeout          bigint,
    claim            bigint,
    fence            bigint   NOT NULL DEFAULT 0,
    attempt          bigint   NOT NULL DEFAULT 0,
    max_attempts     bigint   NOT NULL,
    lane_width       bigint,
    id               uuid     PRIMARY KEY,
    worker           uuid,
    state            smallint NOT NULL,
    priority         smallint NOT NULL,
    cancel_requested boolean  NOT NULL DEFAULT false,
    held             boolean  NOT NULL DEFAULT false,
    named            boolean  NOT NULL DEFAULT false,
    queue            text     NOT NULL,
    kind             text     NOT NULL,
    key              text,
    lane             text,
    progress         text,
    errors           text,
    args             text     NOT NULL,
    output           text
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
        autovacuum_analyze_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 1,
        -- Giving empty pages back takes a lock that holds up every claim, for pages that are filled again at once.
        vacuum_truncate = false);

-- What can be claimed, in the order of claiming. Jobs of the future stay out of it.
CREATE INDEX jobs_available ON {s}.jobs (queue, priority, run_at, seq) WHERE state = 1;
CREATE INDEX jobs_due ON {s}.jobs (run_at, seq) WHERE state IN (0, 3) AND NOT held;
CREATE INDEX jobs_running ON {s}.jobs (worker) WHERE state = 2;
-- Who is under way in a lane, and who waits to be let in: to count the ones, a backlog of the others is not read.
CREATE INDEX jobs_under_way ON {s}.jobs (lane) WHERE lane IS NOT NULL AND NOT held;
CREATE INDEX jobs_held ON {s}.jobs (lane, seq) WHERE held;

-- Jobs that have ended, until they are purged. Nothing changes a row in here; a retry by hand moves it back.
CREATE TABLE {s}.history (
    seq              bigint   NOT NULL,
    run_at           bigint   NOT NULL,
    created_at       bigint   NOT NULL,
    attempted_at     bigint,
    finished_at      bigint   NOT NULL,
    timeout          bigint,
    fence            bigint   NOT NULL,
    attempt          bigint   NOT NULL,
    max_attempts     bigint   NOT NULL,
    lane_width       bigint,
    id               uuid     PRIMARY KEY,
    state            smallint NOT NULL,
    priority         smallint NOT NULL,
    cancel_requested boolean  NOT NULL,
    named            boolean  NOT NULL,
    queue            text     NOT NULL,
    kind             text     NOT NULL,
    key              text,
    lane             text,
    progress         text,
    errors           text,
    args             text     NOT NULL,
    output           text
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 1);

CREATE INDEX history_finished ON {s}.history (state, finished_at);
-- The few that did not complete, for whoever looks for them among the many that did.
CREATE INDEX history_failed ON {s}.history (id) WHERE state <> 4;

-- What makes a job the only one: its kind and key, or an id that was given to it (under the kind '').
CREATE TABLE {s}.names (
    kind text NOT NULL,
    key  text NOT NULL,
    id   uuid NOT NULL,
    PRIMARY KEY (kind, key)
);

CREATE TABLE {s}.workers (
    id          uuid    PRIMARY KEY,
    name        text    NOT NULL,
    started_at  bigint  NOT NULL,
    lease       bigint  NOT NULL,
    lease_until bigint  NOT NULL,
    -- The number of its last claim: a claim whose answer was lost is refused once a later one came.
    claim       bigint  NOT NULL DEFAULT 0,
    -- Rescued from. It is kept until its last job was taken back, and may do nothing any more.
    lost        boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

CREATE TABLE {s}.queues (
    name   text    PRIMARY KEY,
    paused boolean NOT NULL
);

-- How many jobs came into each state (or left it, where negative): the sum over a queue's rows is its statistics. Each
-- change adds a row, since a row that all of them change would have them wait for each other; now and then the rows are
-- folded into one.
CREATE TABLE {s}.tallies (
    queue     text   NOT NULL,
    scheduled bigint NOT NULL,
    available bigint NOT NULL,
    running   bigint NOT NULL,
    retryable bigint NOT NULL,
    completed bigint NOT NULL,
    cancelled bigint NOT NULL,
    discarded bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- The last tick of each schedule, and the job that was stored for it.
CREATE TABLE {s}.schedules (
    name text   PRIMARY KEY,
    tick bigint NOT NULL,
    job  uuid   NOT NULL
);

-- Who promotes, rescues and purges for everybody.
CREATE TABLE {s}.leader (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    holder   uuid    NOT NULL,
    until    bigint  NOT NULL
) WITH (fillfactor = 50);
