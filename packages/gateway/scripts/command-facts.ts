import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { RedisServer } from '../src/testing/redis-server.js';
import { RespClient } from '../src/testing/resp-client.js';
import { factRows } from './redis-facts.js';

/* Writes src/command/redis-commands.ts from what the installed redis-server says: `pnpm run command-facts`. */

const server = await RedisServer.start();
try {
  const client = await RespClient.open(server.port);
  const { commands, keyNotes } = await factRows(client);
  client.close();
  const text = `// Written by scripts/command-facts.ts from a running redis-server 7.0.15; \`facts.ts\` tells the form.

/** All commands of Redis, a row each. */
export const redisCommands: string = \`
${escaped(commands)}
\`;

/** Notes of Redis at some key specifications. */
export const redisKeyNotes: string = \`
${escaped(keyNotes)}
\`;
`;
  const path = fileURLToPath(new URL('../src/command/redis-commands.ts', import.meta.url));
  writeFileSync(path, text);
} finally {
  await server.stop();
}

function escaped(text: string): string {
  return text.replace(/[\\`]|\$\{/g, '\\$&');
}
