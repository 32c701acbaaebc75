import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errorMessage, limits } from '@tinykv/base';

/** What a process shows of itself over HTTP. */
export interface StatusSources {
  status(): object;
  /** Why the process does not do its work: it starts, it stops, or its service cannot; undefined when it does. */
  notReady(): string | undefined;
  /** In Prometheus' text format. */
  metrics(): Promise<string>;
  /** Settings with where each came from. */
  config(): object;
}

export interface StatusServer {
  /** host:port as bound. */
  readonly address: string;
  close(): Promise<void>;
}

interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: string;
}

/** Serves GET /status /ready /metrics /config. Rejects when the address cannot be bound. */
export async function startStatusServer(
  address: string,
  sources: StatusSources,
  headMs: number = limits.statusHeadMs,
): Promise<StatusServer> {
  // Node looks for requests that are late every half minute unless told otherwise.
  const options = { connectionsCheckingInterval: Math.ceil(headMs / 5), headersTimeout: headMs };
  const server = createServer({ ...options, requestTimeout: 2 * headMs }, (request, response) => {
    void respond(request, response, sources);
  });
  // Also for an answer that nobody reads.
  server.timeout = 4 * headMs;
  server.maxConnections = limits.statusConnectionsMax;
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  await listen(server, host, Number(address.slice(colon + 1)));
  const { port } = server.address() as AddressInfo;
  return {
    address: `${address.slice(0, colon)}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  sources: StatusSources,
): Promise<void> {
  const answer = await answerTo(request, sources).catch((error: unknown) => ({
    code: 500,
    type: 'text/plain',
    body: `${errorMessage(error)}\n`,
  }));
  response.writeHead(answer.code, { 'content-type': `${answer.type}; charset=utf-8` });
  response.end(answer.body);
}

async function answerTo(request: IncomingMessage, sources: StatusSources): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { code: 405, type: 'text/plain', body: 'only GET\n' };
  }
  switch ((request.url ?? '/').split('?')[0]) {
    case '/status':
      return json(200, sources.status());
    case '/ready': {
      const reason = sources.notReady();
      return reason === undefined
        ? json(200, { ready: true })
        : json(503, { ready: false, reason });
    }
    case '/metrics':
      return { code: 200, type: 'text/plain; version=0.0.4', body: await sources.metrics() };
    case '/config':
      return json(200, sources.config());
    default:
      return {
        code: 404,
        type: 'text/plain',
        body: 'there are /status /ready /metrics /config\n',
      };
  }
}

function json(code: number, value: object): Answer {
  const body = JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'bigint' ? item.toString() : item,
  );
  return { code, type: 'application/json', body: `${body}\n` };
}
