import { expect, test } from 'vitest';
import { testGateway } from '../testing/harness.js';

test.each(['CLIENT', 'COMMAND', 'CONFIG', 'FUNCTION'])(
  '%s HELP tells of the sub-commands that there are',
  async (name) => {
    const client = (await testGateway()).connect();
    const text = await client.line(`${name} HELP`);
    const lines = [...text.matchAll(/^\+(.*)\r$/gm)].map((match) => match[1]!);
    expect(text.startsWith(`*${lines.length}\r\n`)).toBe(true);
    expect(lines[0]).toBe(`${name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`);
    const told = lines.slice(1).filter((line) => /^[A-Z]/.test(line));
    expect(told.length).toBeGreaterThan(4);
    for (const line of told) {
      expect(await client.line(`${name} ${line.split(' ')[0]}`)).not.toMatch(
        /unknown subcommand '/,
      );
    }
  },
);

test('INFO tells the time of the processor', async () => {
  const client = (await testGateway()).connect();
  const text = await client.line('INFO cpu');
  expect(text).toContain('# CPU\r\nused_cpu_sys:0.000000\r\nused_cpu_user:0.000000\r\n');
  expect(await client.line('INFO')).toContain('used_cpu_sys_children:0.000000\r\n');
});
