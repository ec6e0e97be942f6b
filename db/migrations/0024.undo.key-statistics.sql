SELECT pg_clear_attribute_stats('public', 'prospects', 'id', false);
