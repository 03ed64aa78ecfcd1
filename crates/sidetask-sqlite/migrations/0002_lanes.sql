ALTER TABLE sidetask_jobs ADD COLUMN lane TEXT;
ALTER TABLE sidetask_jobs ADD COLUMN width INTEGER;
-- Its place among those held in its lane; null where it was let in.
ALTER TABLE sidetask_jobs ADD COLUMN held INTEGER;

-- The jobs of each lane that have not ended: first those under way, then those held, in their order. One index, since
-- each that asks for the state costs every change of a job's state a little.
CREATE INDEX sidetask_jobs_lane ON sidetask_jobs (lane, held) WHERE lane IS NOT NULL AND state < 4;

-- Jobs that are held wait for no time: a backlog of them in here would be passed over by each promotion.
DROP INDEX sidetask_jobs_due;
CREATE INDEX sidetask_jobs_due ON sidetask_jobs (run_at, seq) WHERE state IN (0, 3) AND held IS NULL;
