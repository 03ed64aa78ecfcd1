ALTER TABLE sidetask_jobs ADD COLUMN lane TEXT;
ALTER TABLE sidetask_jobs ADD COLUMN width INTEGER;
-- Its place among those held in its lane; null where it was let in.
ALTER TABLE sidetask_jobs ADD COLUMN held INTEGER;

CREATE INDEX sidetask_jobs_under_way ON sidetask_jobs (lane) WHERE lane IS NOT NULL AND held IS NULL AND state < 4;
CREATE INDEX sidetask_jobs_held ON sidetask_jobs (lane, held) WHERE held IS NOT NULL AND state = 0;

-- Jobs that are held wait for no time: a backlog of them in here would be passed over by each promotion.
DROP INDEX sidetask_jobs_due;
CREATE INDEX sidetask_jobs_due ON sidetask_jobs (run_at, seq) WHERE state IN (0, 3) AND held IS NULL;
