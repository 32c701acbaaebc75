import { describe, expect, it } from 'vitest';
import { Resources } from './resources.js';

describe('resources', () => {
  it('end in the opposite order, all of them, also when one fails', async () => {
    const resources = new Resources();
    const ended: string[] = [];
    const add = (name: string, fails = false): void =>
      resources.add({
        stop: () => {
          if (fails) return Promise.reject(new Error(name));
          ended.push(name);
          return Promise.resolve();
        },
        kill: () => ended.push(`${name} killed`),
      });
    add('folder');
    add('server', true);
    add('client');
    await expect(resources.close()).rejects.toThrow('server');
    expect(ended).toEqual(['client', 'server killed', 'folder']);
    expect(() => add('late')).toThrow('over');
    expect(() => resources.checkOpen()).toThrow('over');
  });
});
