-- The last tick taken of each schedule, and the job answered for it. No purge takes a row from here.
CREATE TABLE sidetask_schedules (
    name      TEXT    PRIMARY KEY,
    last_tick INTEGER NOT NULL,
    job       BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
