import { equalBytes } from '@tinykv/base';
import type { Request } from '../../resp/request.js';
import { array, bulk, error, integer, NULL, OK, type Reply } from '../../resp/types.js';
import { FUNCTION_HELP } from '../help-texts.js';
import type { Call, SessionHandler } from '../spec.js';
import { container, help, subcommand } from '../subcommands.js';
import { latin1, latin1Bytes, upper } from '../text.js';

/* FUNCTION and FCALL of a Redis that has no functions: none can be loaded. */

const NOT_FOUND = error('ERR Function not found');
const NO_LIBRARY = error('ERR Library not found');
const NOT_BUSY = error('NOTBUSY No scripts in execution right now.');
const BAD_PAYLOAD = error('ERR DUMP payload version or checksum are wrong');
const BAD_POLICY = error(
  'ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.',
);
const BAD_FLUSH = error('ERR FUNCTION FLUSH only supports SYNC|ASYNC option');
const NO_METADATA = error('ERR Missing library metadata');
const BAD_METADATA = error('ERR Invalid library metadata');
const NO_NAME = error('ERR Library name was not given');
const NO_PATTERN = error('ERR library name argument was not given');
const NO_LIBRARIES = array([]);

/** RDB version 10 and the checksum of nothing, as Redis 7.0 dumps no libraries. */
const EMPTY_DUMP = Uint8Array.of(0x0a, 0x00, 0x5d, 0x9b, 0x5c, 0x40, 0x0f, 0x7f, 0xa2, 0xda);

function flush({ argv }: Call): Reply {
  if (argv.length > 3) {
    const given = latin1(argv[1]!);
    const text = `unknown subcommand or wrong number of arguments for '${given}'`;
    return error(`ERR ${text}. Try FUNCTION HELP.`);
  }
  const mode = argv.length === 3 ? upper(argv[2]!) : 'SYNC';
  return mode === 'SYNC' || mode === 'ASYNC' ? OK : BAD_FLUSH;
}

function list({ argv }: Call): Reply {
  const seen = new Set<string>();
  for (let i = 2; i < argv.length; i++) {
    const word = upper(argv[i]!);
    const isKnown = (word === 'WITHCODE' || word === 'LIBRARYNAME') && !seen.has(word);
    if (!isKnown) return error(`ERR Unknown argument ${latin1(argv[i]!)}`);
    seen.add(word);
    if (word === 'LIBRARYNAME' && ++i >= argv.length) return NO_PATTERN;
  }
  return NO_LIBRARIES;
}

function stats(): Reply {
  const counts: Reply = {
    type: 'map',
    entries: [
      [text('libraries_count'), integer(0)],
      [text('functions_count'), integer(0)],
    ],
  };
  const engines: Reply = { type: 'map', entries: [[text('LUA'), counts]] };
  return {
    type: 'map',
    entries: [
      [text('running_script'), NULL],
      [text('engines'), engines],
    ],
  };
}

function restore({ argv }: Call): Reply {
  if (argv.length > 3 && !['FLUSH', 'APPEND', 'REPLACE'].includes(upper(argv[3]!))) {
    return BAD_POLICY;
  }
  return equalBytes(argv[2]!, EMPTY_DUMP) ? OK : BAD_PAYLOAD;
}

/** Refused like a library for an engine that is not there. */
function load({ argv }: Call): Reply {
  const options: Request = argv.slice(2, -1);
  const unknown = options.find((option) => upper(option) !== 'REPLACE');
  if (unknown !== undefined) return error(`ERR Unknown option given: ${latin1(unknown)}`);
  const code = argv[argv.length - 1]!;
  const start = latin1(code.subarray(0, 2));
  if (start !== '#!') return NO_METADATA;
  const end = code.indexOf(0x0a);
  if (end < 0) return BAD_METADATA;
  const [engine = '', ...metadata] = latin1(code.subarray(2, end)).trim().split(/\s+/);
  if (!metadata.some((part) => part.toLowerCase().startsWith('name='))) return NO_NAME;
  return error(`ERR Engine '${engine}' not found`);
}

function text(value: string): Reply {
  return bulk(latin1Bytes(value));
}

function sub(name: string, run: (call: Call) => Reply): SessionHandler {
  return subcommand('function', name, run);
}

export const functionCommands: readonly SessionHandler[] = [
  container('function'),
  sub('load', load),
  sub('kill', () => NOT_BUSY),
  sub('restore', restore),
  sub('delete', () => NO_LIBRARY),
  sub('dump', () => bulk(EMPTY_DUMP)),
  sub('stats', stats),
  sub('list', list),
  sub('flush', flush),
  help('function', FUNCTION_HELP),
  { kind: 'session', name: 'fcall', run: () => NOT_FOUND },
  { kind: 'session', name: 'fcall_ro', run: () => NOT_FOUND },
];
