import { latin1 } from '../commands/text.js';
import type { Request } from '../resp/request.js';

/** An argument that names a database other than that of the session. */
export interface DatabaseArgument {
  /** Its place among the arguments. */
  readonly index: number;
  /** The argument that is a key of that database; undefined: the command is about all of its keys. */
  readonly key: number | undefined;
}

/** Key specifications do not say which database a key is of: these commands name another one. */
const NAMED: ReadonlyMap<string, (argv: Request) => DatabaseArgument[]> = new Map([
  ['move', (): DatabaseArgument[] => [{ index: 2, key: 1 }]],
  ['copy', ofCopy],
  [
    'swapdb',
    (): DatabaseArgument[] => [
      { index: 1, key: undefined },
      { index: 2, key: undefined },
    ],
  ],
]);

/**
 * The (database, key) pairs of a request whose database is an argument. MOVE touches its key in the session's database as well, COPY
 * its first key.
 */
export function databaseArguments(command: string, argv: Request): DatabaseArgument[] {
  return NAMED.get(command)?.(argv) ?? [];
}

/** The last DB counts. */
function ofCopy(argv: Request): DatabaseArgument[] {
  let found: DatabaseArgument[] = [];
  for (let i = 3; i + 1 < argv.length; i++) {
    if (latin1(argv[i]!).toLowerCase() === 'db') found = [{ index: ++i, key: 2 }];
  }
  return found;
}
