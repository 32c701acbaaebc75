import { utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { ReplyCounter } from './reply-counter.js';

const STREAM = '+OK\r\n:12\r\n$5\r\na\r\nb\n\r\n$0\r\n\r\n';

function feed(text: string, chunkBytes: number): ReplyCounter {
  const counter = new ReplyCounter();
  const bytes = utf8(text);
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    counter.feed(bytes.subarray(at, at + chunkBytes));
  }
  return counter;
}

describe('reply counter', () => {
  it('counts every kind of reply, whole and byte by byte', () => {
    for (const chunkBytes of [1, 2, 7, 1000]) {
      const counter = feed(STREAM, chunkBytes);
      expect(counter.takeReplies()).toBe(4);
      expect(counter.takeReplies()).toBe(0);
      expect(counter.takeProblem()).toBeUndefined();
    }
  });

  it('counts a reply when its last byte is there', () => {
    expect(feed(STREAM.slice(0, -1), 1).takeReplies()).toBe(3);
  });

  it('keeps the first error and notices a value that is not there', () => {
    for (const chunkBytes of [1, 1000]) {
      const counter = feed('+OK\r\n-ERR no\r\n-ERR more\r\n', chunkBytes);
      expect(counter.takeReplies()).toBe(3);
      expect(counter.takeProblem()).toBe('ERR no');
      expect(feed('$-1\r\n', chunkBytes).takeProblem()).toBe('a key is not there');
    }
  });

  it('refuses what is no reply of RESP2', () => {
    expect(() => feed('%1\r\n', 1)).toThrow('byte 37');
  });
});
