import { schedulerSchema, settingsOf, storeSchema } from '@tinykv/server';
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { describe, expect, it } from 'vitest';
import { cliProgram } from '../src/cli.js';
import { chooseCluster } from '../src/ctl/find-cluster.js';
import { gatewaySchema } from '../src/gateway/settings.js';
import { exitCodeOf } from '../src/program.js';

const BAD = ['33000', 'localhost', '127.0.0.1:99999', ':', 'a b:1'];
const ADDRESS = /host:port|url/;

function optionsBelow(command: Command): (readonly [string, Option])[] {
  const own = command.options.map(
    (option) => [`${command.name()} ${option.long}`, option] as const,
  );
  return [...own, ...command.commands.flatMap(optionsBelow)];
}

/** The refusal of a value that is parsed; commander ends with 2 for it. */
function refusalOf(option: Option, text: string): string | undefined {
  try {
    option.parseArg?.(text, undefined);
    return undefined;
  } catch (error) {
    if (error instanceof InvalidArgumentError) return error.message;
    throw error;
  }
}

describe('an option that is an address', () => {
  const openEnv = (): never => {
    throw new Error('nothing is run here');
  };
  const flags = optionsBelow(cliProgram(openEnv, () => undefined)).filter(([, option]) =>
    ADDRESS.test(option.flags),
  );

  it('is found at ctl and at bench', () => {
    const found = flags.map(([name]) => name);
    expect(found).toEqual(expect.arrayContaining(['ctl --scheduler', 'bench --scheduler']));
    expect(found).toEqual(expect.arrayContaining(['bench --gateway', 'bench --status']));
  });

  it.each(flags)('tinykv %s: is refused unless it is host:port', (_name, option) => {
    for (const bad of [...BAD, '127.0.0.1:0']) expect(refusalOf(option, bad), bad).toBeDefined();
    for (const good of ['127.0.0.1:2379', '[::1]:1', 'host.example:65535']) {
      expect(refusalOf(option, good), good).toBeUndefined();
    }
  });

  const settings = Object.entries({
    'tinykv-server': settingsOf(storeSchema),
    scheduler: settingsOf(schedulerSchema),
    'tinykv-gateway': settingsOf(gatewaySchema),
  }).flatMap(([program, table]) =>
    table
      .filter(([, setting]) => ADDRESS.test(setting.placeholder ?? ''))
      .map(([, setting]) => [`${program} ${setting.key}`, setting] as const),
  );

  it.each(settings)('%s: is refused unless it is one', (_name, setting) => {
    const check = setting.check as ((value: unknown) => string | undefined) | undefined;
    const isUrl = setting.placeholder?.includes('url') === true;
    for (const bad of BAD.map((text) => (isUrl ? `http://${text}` : text))) {
      expect(check?.(setting.kind === 'list' ? [bad] : bad), bad).toBeDefined();
    }
  });

  it('TINYKV_SCHEDULER: ends with 2 when it is none', async () => {
    const hints = { scheduler: undefined, tag: undefined, environment: '33000', folder: '/' };
    const run = async (): Promise<number> => chooseCluster(hints, []).scheduler.length;
    expect(await exitCodeOf(run)).toBe(2);
  });

  it('--port-base: leaves room for all ports of a playground', () => {
    const all = optionsBelow(cliProgram(openEnv, () => undefined));
    const [, portBase] = all.find(([name]) => name === 'playground --port-base')!;
    expect([refusalOf(portBase, '65490'), refusalOf(portBase, '30000')]).toEqual([
      undefined,
      undefined,
    ]);
    expect(refusalOf(portBase, '65491')).toContain('above 65535');
  });
});
