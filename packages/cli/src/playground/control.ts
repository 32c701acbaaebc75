import { rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { errorMessage } from '@tinykv/base';
import type { PlaygroundView } from './view.js';

/** What another terminal may ask of a running playground: one line of JSON, answered by one. */
export interface ControlRequest {
  readonly command: 'display' | 'kill' | 'restart' | 'scale-out' | 'stop';
  readonly name?: string;
}

export interface ControlAnswer {
  readonly ok: boolean;
  /** For the terminal. */
  readonly text: string;
  /** For programs: of `display`. */
  readonly view?: PlaygroundView;
}

const LINE_BYTES_MAX = 4_096;
/** A restart waits for the end of a process. */
const ANSWER_MS = 30_000;
const COMMANDS: readonly string[] = ['display', 'kill', 'restart', 'scale-out', 'stop'];

/** Serves requests on a unix socket that only this user can reach. */
export function serveControl(
  path: string,
  handle: (request: ControlRequest) => Promise<ControlAnswer>,
): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    serveLine(socket, handle);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve(server));
  });
}

function serveLine(
  socket: Socket,
  handle: (request: ControlRequest) => Promise<ControlAnswer>,
): void {
  let line = '';
  socket.setEncoding('utf8');
  // A client that goes away has nobody left to tell.
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: string) => {
    line += chunk;
    if (line.length > LINE_BYTES_MAX) socket.destroy();
    const end = line.indexOf('\n');
    if (end < 0) return;
    const text = line.slice(0, end);
    line = '';
    void answerLine(text, handle).then((answer) => socket.end(`${JSON.stringify(answer)}\n`));
  });
}

async function answerLine(
  text: string,
  handle: (request: ControlRequest) => Promise<ControlAnswer>,
): Promise<ControlAnswer> {
  try {
    const request = JSON.parse(text) as ControlRequest;
    if (!COMMANDS.includes(request.command)) return { ok: false, text: 'no such command' };
    return await handle(request);
  } catch (error) {
    return { ok: false, text: errorMessage(error) };
  }
}

/** Asks a running playground; undefined when none listens there, or it does not answer within `timeoutMs`. */
export function askControl(
  path: string,
  request: ControlRequest,
  timeoutMs: number = ANSWER_MS,
): Promise<ControlAnswer | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    let text = '';
    socket.setTimeout(timeoutMs, () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.setEncoding('utf8');
    socket.on('error', () => resolve(undefined));
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('end', () => {
      socket.destroy();
      resolve(text === '' ? undefined : (JSON.parse(text) as ControlAnswer));
    });
  });
}
