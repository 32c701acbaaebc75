import { defineConfig } from 'vitest/config';

// Tests run on sources: the `@tinykv/source` condition of each package's `exports` points at src/.
const conditions = ['@tinykv/source', 'node', 'import', 'module', 'default'];

// At full size a property runs for minutes.
const testTimeout = process.env['TINYKV_LONG'] === '1' ? 3_600_000 : 30_000;

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ['node', 'import', 'default'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'packages/*/tests/**/*.test.ts'],
    testTimeout,
    hookTimeout: 30_000,
    // A test that has checked nothing fails: its loop was empty, or its callback never ran.
    expect: { requireAssertions: true },
    maxWorkers: 2,
  },
});
