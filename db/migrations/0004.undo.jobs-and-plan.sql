DROP TABLE dead_letters;
ALTER TABLE job_fields DROP COLUMN ineligible, DROP COLUMN cost_micros;
DELETE FROM jobs WHERE kind = 'enrich';
ALTER TABLE jobs
  DROP COLUMN fields,
  DROP COLUMN selection,
  DROP CONSTRAINT jobs_kind_check,
  ADD CONSTRAINT jobs_kind_check CHECK (kind IN ('import'));
