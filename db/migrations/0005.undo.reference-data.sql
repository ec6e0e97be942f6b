DROP TABLE reference_rows;
DROP TABLE reference_sets;
