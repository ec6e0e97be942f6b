/** For tests that load a configuration: SECRET_KEYS with one key, which protects nothing. */
export const TEST_SECRET_KEYS = `k1:${Buffer.alloc(32, 7).toString("base64")}`;

/** SERVICE_KEY of tests, and the headers that bring it along. */
export const TEST_SERVICE_KEY = "service-key-of-the-tests-0123456789";
export const asService = { "X-Service-Key": TEST_SERVICE_KEY };
