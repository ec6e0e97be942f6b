DROP TABLE credit_entries;
DROP TABLE credit_accounts;
DROP FUNCTION refuse_direct_credit();
DROP FUNCTION move_credit_accounts();
DROP TABLE provider_credentials;
