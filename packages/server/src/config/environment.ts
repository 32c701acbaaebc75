import { nearestName } from './nearest.js';
import { schedulerSchema } from './scheduler-settings.js';
import { envName, type Schema, settingsOf } from './setting.js';
import { storeSchema } from './store-settings.js';

const PREFIX = 'TINYKV_';
/** Settings of a program that this package does not know: it checks them itself. */
const GATEWAY_PREFIX = 'TINYKV_GATEWAY_';

/** Read by the tools and the tests. */
const TOOL_NAMES: readonly string[] = [
  'TINYKV_SCHEDULER',
  'TINYKV_HOME',
  'TINYKV_SHARED',
  'TINYKV_LONG',
  'TINYKV_DIFFERENTIAL_COMMANDS',
  'TINYKV_DIFFERENTIAL_SEED',
];

/** Names of variables that set something of a program. */
function namesOf<T>(schema: Schema<T>): string[] {
  return settingsOf(schema).flatMap(([, setting]) => [
    envName(setting),
    ...(setting.extraEnv === undefined ? [] : [setting.extraEnv]),
  ]);
}

/**
 * The fault of a variable `TINYKV_…` that no program of ours reads: a mistyped setting would have no effect, and nobody
 * would know. Variables of our other programs are fine, since one environment may serve them all.
 */
export function unknownVariable<T>(
  env: Readonly<Record<string, string | undefined>>,
  own: Schema<T> | undefined,
): string | undefined {
  const ours = own === undefined ? [] : namesOf(own);
  const known = [...ours, ...TOOL_NAMES, ...namesOf(storeSchema), ...namesOf(schedulerSchema)];
  const isGateway = ours.some((name) => name.startsWith(GATEWAY_PREFIX));
  const isKnown = (name: string): boolean =>
    known.includes(name) || (!isGateway && name.startsWith(GATEWAY_PREFIX));
  const unknown = Object.keys(env).find((name) => name.startsWith(PREFIX) && !isKnown(name));
  if (unknown === undefined) return undefined;
  return `unknown variable ${unknown} in the environment; the nearest known one is ${nearestName(unknown, known)}`;
}
