import { latin1 } from '../commands/text.js';
import { parseInt64 } from '../resp/decimal.js';
import type { Request } from '../resp/request.js';
import type { CommandFacts, KeySpec } from './facts.js';

/** An argument that is a key, and what the command does with it. */
export interface KeyPlace {
  readonly index: number;
  /** As a key specification has them. */
  readonly flags: readonly string[];
}

/** As COMMAND INFO names them: the first key, the last one (negative: from the end), and the step between them. */
export interface KeyRange {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

/**
 * The keys of a request, in the order of the key specifications; none when its arguments do not fit them. The few
 * commands whose options decide are asked themselves.
 */
export function keyPlaces(facts: CommandFacts, argv: Request): KeyPlace[] {
  const own = FINDERS.get(facts.name);
  if (own !== undefined) return own(argv);
  const places: KeyPlace[] = [];
  for (const spec of facts.keySpecs) {
    if (spec.flags.includes('not_key')) continue;
    if (!addPlaces(spec, argv, places)) return [];
  }
  return places;
}

/** Adds the keys of one specification, none when its word is not there; false when the request does not fit it. */
function addPlaces({ begin, find, flags }: KeySpec, argv: Request, places: KeyPlace[]): boolean {
  if (begin.type === 'unknown' || find.type === 'unknown') return false;
  let first =
    begin.type === 'index'
      ? begin.index
      : indexAfter(begin.keyword.toLowerCase(), begin.from, argv);
  if (first === undefined) return true;
  let last: number;
  if (find.type === 'keynum') {
    const counted = argv[first + find.at];
    const count = counted === undefined ? undefined : parseInt64(counted);
    if (count === undefined || count < 0n) return false;
    first += find.first;
    last = first + Number(count) - 1;
  } else if (find.last >= 0) {
    last = first + find.last;
  } else if (find.limit === 0) {
    last = argv.length + find.last;
  } else {
    last = first + Math.floor((argv.length - first) / find.limit) + find.last;
  }
  if (last >= argv.length || last < first) return false;
  for (let index = first; index <= last; index += find.step) places.push({ index, flags });
  return true;
}

/** The place after a word that is not the last one, sought from an argument on, or back from one counted from the end. */
function indexAfter(word: string, from: number, argv: Request): number | undefined {
  const step = from > 0 ? 1 : -1;
  for (let i = from > 0 ? from : argv.length + from; i > 0 && i + 1 < argv.length; i += step) {
    if (isWord(argv[i]!, word)) return i + 1;
  }
  return undefined;
}

function isWord(argument: Uint8Array, word: string): boolean {
  return argument.length === word.length && latin1(argument).toLowerCase() === word;
}

const READ: readonly string[] = ['RO', 'access'];
const UPDATE: readonly string[] = ['RW', 'access', 'update'];
const OVERWRITE: readonly string[] = ['OW', 'update'];
const TAKE: readonly string[] = ['RW', 'access', 'delete'];

const FINDERS: ReadonlyMap<string, (argv: Request) => KeyPlace[]> = new Map([
  ['set', placesOfSet],
  ['bitfield', placesOfBitField],
  ['sort', placesOfSort],
  ['sort_ro', (): KeyPlace[] => [{ index: 1, flags: READ }]],
  ['migrate', placesOfMigrate],
]);

function placesOfSet(argv: Request): KeyPlace[] {
  const reads = argv.slice(3).some((option) => isWord(option, 'get'));
  return [{ index: 1, flags: reads ? UPDATE : OVERWRITE }];
}

/** It only reads when all its operations do. */
function placesOfBitField(argv: Request): KeyPlace[] {
  for (let i = 2; i < argv.length; ) {
    const left = argv.length - 1 - i;
    if (isWord(argv[i]!, 'get') && left >= 2) i += 3;
    else if (isWord(argv[i]!, 'overflow') && left >= 1) i += 2;
    else return [{ index: 1, flags: UPDATE }];
  }
  return [{ index: 1, flags: READ }];
}

/** The last STORE counts. */
function placesOfSort(argv: Request): KeyPlace[] {
  let target: number | undefined;
  for (let i = 2; i < argv.length; i++) {
    const option = argv[i]!;
    if (isWord(option, 'limit')) i += 2;
    else if (isWord(option, 'get') || isWord(option, 'by')) i++;
    else if (isWord(option, 'store') && i + 1 < argv.length) target = i + 1;
  }
  const places = [{ index: 1, flags: READ }];
  if (target !== undefined) places.push({ index: target, flags: OVERWRITE });
  return places;
}

/** One key, or those after KEYS when the one is empty. */
function placesOfMigrate(argv: Request): KeyPlace[] {
  for (let i = 6; i < argv.length; i++) {
    const option = argv[i]!;
    if (isWord(option, 'keys')) {
      if (argv[3]!.length > 0) return [];
      return Array.from(argv.slice(i + 1), (_, k) => ({ index: i + 1 + k, flags: TAKE }));
    }
    if (isWord(option, 'auth')) i++;
    else if (isWord(option, 'auth2')) i += 2;
  }
  return [{ index: 3, flags: TAKE }];
}

/** The one range that COMMAND INFO tells of a command's key specifications, for clients that know no others. */
export function keyRange({ keySpecs }: CommandFacts): KeyRange | undefined {
  const only = keySpecs.length === 1 ? rangeOf(keySpecs[0]!) : undefined;
  if (only !== undefined) return only;
  let first: number | undefined;
  let last = 0;
  for (const range of keySpecs.map(rangeOf)) {
    if (range === undefined) continue;
    // Ranges that leave a gap, or whose keys do not follow one another, are not one range.
    if (range.step !== 1 || (last !== 0 && last !== range.first - 1)) return undefined;
    first = Math.min(first ?? range.first, range.first);
    // A range to the end is the longest.
    last = last < 0 || range.last < 0 ? range.last : Math.max(last, range.last);
  }
  return first === undefined ? undefined : { first, last, step: 1 };
}

function rangeOf({ begin, find }: KeySpec): KeyRange | undefined {
  if (begin.type !== 'index' || find.type !== 'range') return undefined;
  const last = find.last < 0 ? find.last : begin.index + find.last;
  return { first: begin.index, last, step: find.step };
}

/** The range in which a command has all its keys and nothing else; undefined when it takes more to find them. */
export function plainRange({ keySpecs }: CommandFacts): KeyRange | undefined {
  const only = keySpecs[0];
  if (keySpecs.length !== 1 || only!.flags.includes('not_key')) return undefined;
  return rangeOf(only!);
}

/** The facts of a command that tell its keys. */
export interface Keyed {
  readonly facts: CommandFacts;
  readonly range: KeyRange | undefined;
}

/** The keys of a request. */
export function keysOf({ facts, range }: Keyed, argv: Request): Uint8Array[] {
  if (range === undefined) return keyPlaces(facts, argv).map(({ index }) => argv[index]!);
  const { first, last, step } = range;
  const end = last < 0 ? argv.length + last : last;
  const keys: Uint8Array[] = [];
  for (let i = first; i <= end && i < argv.length; i += step) keys.push(argv[i]!);
  return keys;
}
