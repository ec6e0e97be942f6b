/** For tests that load a configuration: SECRET_KEYS with one key, which protects nothing. */
export const TEST_SECRET_KEYS = `k1:${Buffer.alloc(32, 7).toString("base64")}`;
