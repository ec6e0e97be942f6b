DROP TABLE source_outcomes;
DROP TABLE source_asks;
