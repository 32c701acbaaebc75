import { relative } from 'node:path';
import { EXIT } from '@tinykv/server';
import { askControl } from '../playground/control.js';
import { DEFAULT_TAG, tagFolders, tagsWithSockets } from '../playground/folders.js';
import { type PlaygroundView, storeNames } from '../playground/view.js';
import { CliError, complaintAboutTargets } from '../program.js';

export const DEFAULT_SCHEDULER = '127.0.0.1:2379';

/** The hints of a command line, the environment and the present folder at the cluster that is meant. */
export interface Hints {
  readonly scheduler: string | undefined;
  readonly tag: string | undefined;
  /** `TINYKV_SCHEDULER`. */
  readonly environment: string | undefined;
  readonly folder: string;
}

export interface FoundCluster {
  /** host:port, with commas. */
  readonly scheduler: string;
  /** Names of its stores by address, when a playground runs it. */
  readonly names: ReadonlyMap<string, string>;
  /** host:port of its gateway and of its stores' status pages, as far as a playground runs it and says so. */
  readonly gateway: string | undefined;
  readonly statusPages: readonly string[] | undefined;
}

/** The flags by which a command is told its cluster. */
export type ClusterFlags = Partial<Pick<Hints, 'scheduler' | 'tag'>>;

/** The cluster of a command line, with what the environment, the present folder and running playgrounds tell. */
export async function findCluster({ scheduler, tag }: ClusterFlags): Promise<FoundCluster> {
  const environment = process.env['TINYKV_SCHEDULER'] || undefined;
  const hints = { scheduler, tag, environment, folder: process.cwd() };
  return chooseCluster(hints, await runningPlaygrounds());
}

/** A playground that has not answered by then hangs. */
const ANSWER_MS = 1_000;

/**
 * The flag `--scheduler`, else `--tag`, else `TINYKV_SCHEDULER`, else the playground that was started in the present folder
 * or the nearest one above it, else the playground `default`, else the address that schedulers have by default.
 */
export function chooseCluster(hints: Hints, running: readonly PlaygroundView[]): FoundCluster {
  if (hints.scheduler !== undefined) return named(hints.scheduler, running);
  if (hints.tag !== undefined) {
    const tagged = running.find((view) => view.tag === hints.tag);
    if (tagged !== undefined) return ofPlayground(tagged);
    const text = `no playground with the tag ${hints.tag} is running${others(running)}`;
    throw new CliError(text, EXIT.unavailable);
  }
  if (hints.environment !== undefined) return named(checked(hints.environment), running);
  const near = nearest(hints.folder, running) ?? running.find((view) => view.tag === DEFAULT_TAG);
  return near === undefined ? named(DEFAULT_SCHEDULER, running) : ofPlayground(near);
}

/** Playgrounds of this user that answer. */
export async function runningPlaygrounds(): Promise<readonly PlaygroundView[]> {
  const answers = await Promise.all(
    tagsWithSockets().map((tag) =>
      askControl(tagFolders(tag, undefined).socket, { command: 'display' }, ANSWER_MS),
    ),
  );
  return answers.flatMap((answer) => (answer?.view === undefined ? [] : [answer.view]));
}

/** Flags are checked where they are parsed. */
function checked(environment: string): string {
  const complaint = complaintAboutTargets(environment);
  if (complaint === undefined) return environment;
  throw new CliError(`TINYKV_SCHEDULER: ${complaint}`, EXIT.usage);
}

function named(scheduler: string, running: readonly PlaygroundView[]): FoundCluster {
  const endpoints = scheduler.split(',');
  const view = running.find((one) => endpoints.includes(one.scheduler));
  if (view !== undefined) return { ...ofPlayground(view), scheduler };
  return { scheduler, names: new Map(), gateway: undefined, statusPages: undefined };
}

function ofPlayground(view: PlaygroundView): FoundCluster {
  const of = (program: string) => view.members.filter((member) => member.program === program);
  return {
    scheduler: view.scheduler,
    names: storeNames(view),
    gateway: of('tinykv-gateway')[0]?.address,
    statusPages: of('tinykv-server').map(({ statusAddress }) => statusAddress),
  };
}

/** The one whose folder, or whose data folder, holds `folder` at the least depth below it. */
function nearest(folder: string, running: readonly PlaygroundView[]): PlaygroundView | undefined {
  let best: { readonly view: PlaygroundView; readonly depth: number } | undefined;
  for (const view of running) {
    for (const above of [view.startedIn, view.dataDir]) {
      const depth = depthBelow(above, folder);
      if (depth !== undefined && depth < (best?.depth ?? Number.POSITIVE_INFINITY)) {
        best = { view, depth };
      }
    }
  }
  return best?.view;
}

function depthBelow(above: string, folder: string): number | undefined {
  const path = relative(above, folder);
  if (path === '') return 0;
  return path === '..' || path.startsWith('../') ? undefined : path.split('/').length;
}

function others(running: readonly PlaygroundView[]): string {
  if (running.length === 0) return '';
  return `; there are ${running.map((view) => view.tag).join(', ')}`;
}
