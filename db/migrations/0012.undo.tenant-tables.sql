DROP FUNCTION make_tenant_table(text, text);
