import { err, ok, type Result } from '@tinykv/base';
import type { Request } from '../../resp/request.js';
import type { Reply } from '../../resp/types.js';
import { SYNTAX_ERROR } from '../errors.js';
import { EX, EXAT, type ExpireUnit, PX, PXAT } from '../expire-time.js';
import { upper } from '../text.js';

export interface ExpireOption {
  readonly unit: ExpireUnit;
  readonly argument: Uint8Array;
}

/** Options after a string's key. */
export interface StringOptions {
  nx: boolean;
  xx: boolean;
  get: boolean;
  keepTtl: boolean;
  persist: boolean;
  expire: ExpireOption | undefined;
}

const UNITS: ReadonlyMap<string, ExpireUnit> = new Map([
  ['EX', EX],
  ['PX', PX],
  ['EXAT', EXAT],
  ['PXAT', PXAT],
]);

/** `[NX|XX] [GET] [EX|PX|EXAT|PXAT time | KEEPTTL]` after SET key value. */
export function parseSetOptions(argv: Request): Result<StringOptions, Reply> {
  if (argv.length === 3) return NO_OPTIONS;
  return parse(argv, 3, (options, word) => {
    if (word === 'NX' && !options.xx) options.nx = true;
    else if (word === 'XX' && !options.nx) options.xx = true;
    else if (word === 'GET') options.get = true;
    else if (word === 'KEEPTTL' && options.expire === undefined) options.keepTtl = true;
    else return false;
    return true;
  });
}

/** `[EX|PX|EXAT|PXAT time | PERSIST]` after GETEX key. */
export function parseGetExOptions(argv: Request): Result<StringOptions, Reply> {
  return parse(argv, 2, (options, word) => {
    if (word !== 'PERSIST' || options.expire !== undefined) return false;
    options.persist = true;
    return true;
  });
}

const NONE: Readonly<StringOptions> = {
  nx: false,
  xx: false,
  get: false,
  keepTtl: false,
  persist: false,
  expire: undefined,
};
const NO_OPTIONS = ok(NONE);

function parse(
  argv: Request,
  from: number,
  takeWord: (options: StringOptions, word: string) => boolean,
): Result<StringOptions, Reply> {
  const options: StringOptions = { ...NONE };
  for (let i = from; i < argv.length; i++) {
    const word = upper(argv[i]!);
    if (takeWord(options, word)) continue;
    const unit = UNITS.get(word);
    const argument = argv[i + 1];
    if (unit === undefined || argument === undefined) return err(SYNTAX_ERROR);
    if (options.keepTtl || options.persist) return err(SYNTAX_ERROR);
    // The same unit twice is taken, the later one counts; two units are not.
    if (options.expire !== undefined && options.expire.unit !== unit) return err(SYNTAX_ERROR);
    options.expire = { unit, argument };
    i++;
  }
  return ok(options);
}
