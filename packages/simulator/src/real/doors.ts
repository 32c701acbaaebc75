import child_process from 'node:child_process';
import crypto from 'node:crypto';
import dgram from 'node:dgram';
import dns from 'node:dns';
import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import timers from 'node:timers';
import tls from 'node:tls';
import { InvariantError } from '@tinykv/base';

/** What reaches the real world, by the object that has it. */
const doors: readonly (readonly [owner: object, names: readonly string[]])[] = [
  [globalThis, ['setTimeout', 'setInterval', 'setImmediate', 'fetch']],
  [timers, ['setTimeout', 'setInterval', 'setImmediate']],
  [Math, ['random']],
  [Date, ['now']],
  [performance, ['now']],
  [process, ['hrtime', 'nextTick', 'exit']],
  [crypto, ['randomBytes', 'randomInt', 'randomUUID', 'randomFill', 'randomFillSync']],
  [
    fs,
    namesOf(
      fs,
      /^(open|read|write|append|create|mkdir|rm|rename|unlink|f?sync|f?stat|f?trunc|f?data)/,
    ),
  ],
  [fs.promises, namesOf(fs.promises, /./)],
  [net, ['connect', 'createConnection', 'createServer']],
  [tls, ['connect', 'createServer']],
  [http, ['request', 'get', 'createServer']],
  [http2, ['connect', 'createServer', 'createSecureServer']],
  [dgram, ['createSocket']],
  [dns, ['lookup', 'resolve']],
  [child_process, ['spawn', 'fork', 'exec', 'execFile', 'spawnSync', 'execSync', 'execFileSync']],
];

/**
 * Closes the real doors for the time of a simulation: whatever reaches for the real clock, timers,
 * randomness, files, sockets or processes throws, and so fails the run instead of making it differ from
 * its replay. Returns what opens them again.
 */
export function closeDoors(): () => void {
  const reopen = doors.flatMap(([owner, names]) => names.map((name) => replace(owner, name)));
  reopen.push(replaceDate());
  syncBuiltinESMExports();
  return () => {
    for (const open of reopen) open();
    syncBuiltinESMExports();
  };
}

/** The functions of a module whose names begin so; classes are left. */
function namesOf(owner: object, pattern: RegExp): string[] {
  return Object.entries(owner)
    .filter(([name, value]) => typeof value === 'function' && pattern.test(name))
    .map(([name]) => name);
}

function closed(name: string): () => never {
  return () => {
    throw new InvariantError(`${name} is closed in a simulation`);
  };
}

function replace(owner: object, name: string): () => void {
  const before = Object.getOwnPropertyDescriptor(owner, name);
  const inherited = before ?? {
    value: Reflect.get(owner, name) as unknown,
    configurable: true,
    writable: true,
  };
  Object.defineProperty(owner, name, { value: closed(name), configurable: true, writable: true });
  return () => {
    Object.defineProperty(owner, name, inherited);
  };
}

/** `new Date()` reads the clock; `new Date(1)` and the rest do not. */
function replaceDate(): () => void {
  const RealDate = globalThis.Date;
  class ClosedDate extends RealDate {
    constructor(...args: readonly [] | readonly [number]) {
      if (args.length === 0) closed('new Date()')();
      super(args[0] ?? 0);
    }
  }
  globalThis.Date = ClosedDate as DateConstructor;
  return () => {
    globalThis.Date = RealDate;
  };
}
