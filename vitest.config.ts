import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{src,functions,db,infra,tests}/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    globalSetup: ["tests/support/global-setup.ts"],
    // Two cores: more workers only fight each other for them, and the services need one.
    maxWorkers: 2,
  },
});
