DROP TABLE merge_rows;
DROP TABLE merges;
-- Whoever was merged away is a prospect of its own again.
ALTER TABLE prospects
  DROP COLUMN match_email,
  DROP COLUMN match_phone,
  DROP COLUMN match_domain,
  DROP COLUMN match_name,
  DROP COLUMN freshness_pct,
  DROP COLUMN completeness_pct,
  DROP COLUMN score_digest,
  DROP COLUMN golden_digest,
  DROP COLUMN merged_into;
