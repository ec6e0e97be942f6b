DROP TABLE approvals;
ALTER TABLE job_fields DROP COLUMN in_review;
DELETE FROM field_values WHERE status = 'in_review';
ALTER TABLE field_values
  DROP CONSTRAINT field_values_status_check,
  ADD CONSTRAINT field_values_status_check CHECK (status IN ('found', 'not_found', 'failed'));
