DO $$
DECLARE told record;
BEGIN
  FOR told IN
    SELECT tablename AS t, attname AS c FROM pg_stats
    WHERE schemaname = 'public' AND most_common_vals IS NULL AND histogram_bounds IS NULL AND avg_width = 16
  LOOP
    PERFORM pg_clear_attribute_stats('public', told.t, told.c, false);
  END LOOP;
END $$;
