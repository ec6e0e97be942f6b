ALTER TABLE imports DROP COLUMN files_removed_at;
ALTER TABLE prospects DROP COLUMN objected_at;
DROP TABLE suppressions, suppression_peppers;
ALTER TABLE field_values DROP CONSTRAINT field_values_legal_basis_check;
ALTER TABLE prospects DROP CONSTRAINT prospects_legal_basis_check;
DROP TABLE processing_purposes;
