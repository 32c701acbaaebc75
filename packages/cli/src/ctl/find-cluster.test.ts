import { describe, expect, it } from 'vitest';
import type { PlaygroundView } from '../playground/view.js';
import { chooseCluster, type Hints } from './find-cluster.js';

const playground = (tag: string, startedIn: string, port: number): PlaygroundView => ({
  tag,
  startedIn,
  dataDir: `/data/${tag}`,
  scheduler: `127.0.0.1:${port}`,
  members: [
    {
      name: 'store-1',
      program: 'tinykv-server',
      address: `127.0.0.1:${port + 10}`,
      statusAddress: `127.0.0.1:${port + 30}`,
      pid: 1,
      state: 'running',
    },
    {
      name: 'gateway',
      program: 'tinykv-gateway',
      address: `127.0.0.1:${port + 4}`,
      statusAddress: '',
      pid: 2,
      state: 'running',
    },
  ],
});
const running = [
  playground('default', '/home/ann', 2379),
  playground('shop', '/home/ann/shop', 3379),
];
const find = (hints: Partial<Hints>, views = running): string =>
  chooseCluster(
    { scheduler: undefined, tag: undefined, environment: undefined, folder: '/', ...hints },
    views,
  ).scheduler;

describe('the cluster that ctl means', () => {
  it('is what the flags say, then the environment, then the folder', () => {
    const all = { scheduler: 'a:1', tag: 'shop', environment: 'b:1', folder: '/home/ann' };
    expect(find(all)).toBe('a:1');
    expect(find({ ...all, scheduler: undefined })).toBe('127.0.0.1:3379');
    expect(find({ environment: 'b:1', folder: '/home/ann/shop' })).toBe('b:1');
  });

  it('is the playground of the nearest folder above, or of its data', () => {
    expect(find({ folder: '/home/ann/shop/src' })).toBe('127.0.0.1:3379');
    expect(find({ folder: '/home/ann/shopping' })).toBe('127.0.0.1:2379');
    expect(find({ folder: '/data/shop/store-1' })).toBe('127.0.0.1:3379');
  });

  it('is elsewhere the playground "default", then the address that everybody knows', () => {
    expect(find({ folder: '/tmp' })).toBe('127.0.0.1:2379');
    expect(find({ folder: '/tmp' }, [running[1]!])).toBe('127.0.0.1:2379');
    const moved = [playground('default', '/x', 2479)];
    expect(find({ folder: '/tmp' }, moved)).toBe('127.0.0.1:2479');
  });

  it('is an error for a tag that does not run', () => {
    expect(() => find({ tag: 'gone' })).toThrow(
      'no playground with the tag gone is running; there are default, shop',
    );
  });

  it('knows the names of the stores, however it was found', () => {
    const hints = { tag: undefined, environment: undefined, folder: '/' };
    const { names } = chooseCluster({ ...hints, scheduler: '127.0.0.1:3379' }, running);
    expect([...names]).toEqual([['127.0.0.1:3389', 'store-1']]);
  });

  it('knows the gateway and the status pages of a playground, and of no other cluster', () => {
    const hints = { tag: undefined, environment: undefined, folder: '/' };
    expect(chooseCluster({ ...hints, scheduler: '127.0.0.1:3379' }, running)).toMatchObject({
      gateway: '127.0.0.1:3383',
      statusPages: ['127.0.0.1:3409'],
    });
    expect(chooseCluster({ ...hints, scheduler: 'elsewhere:1' }, running)).toMatchObject({
      gateway: undefined,
      statusPages: undefined,
    });
  });
});
