import { crc32 } from 'node:zlib';
import { ByteWriter } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { beginFrame, FRAME_HEADER_BYTES, flippedByte, frameAt, sealFrame } from './frame-format.js';

const SEGMENT = 7;
const PAYLOAD_BYTES = 65_536;

function frameOf(sequence: number): Uint8Array {
  const w = new ByteWriter(PAYLOAD_BYTES + 64);
  beginFrame(w);
  for (let i = 0; i < PAYLOAD_BYTES; i++) w.u8((i * 31 + sequence) & 0xff);
  return Uint8Array.from(sealFrame(w, SEGMENT, sequence));
}

/** Gives the frame the body checksum that would make `byte` the place of one flipped bit. */
function collide(frame: Uint8Array, byte: number): void {
  const view = new DataView(frame.buffer);
  frame[byte]! ^= 1;
  view.setUint32(20, crc32(frame.subarray(FRAME_HEADER_BYTES)));
  frame[byte]! ^= 1;
  view.setUint32(0, crc32(frame.subarray(4, FRAME_HEADER_BYTES)));
}

describe('flipped bit of a frame', () => {
  it('is found wherever it is, in the end mark too', () => {
    const whole = frameOf(3);
    for (const byte of [0, 9, FRAME_HEADER_BYTES, 40_000, whole.length - 8, whole.length - 1]) {
      const bytes = whole.slice();
      bytes[byte]! ^= 16;
      expect(frameAt(bytes, 0, SEGMENT)).toBeUndefined();
      expect(flippedByte(bytes, 0, SEGMENT), `byte ${byte}`).toBe(byte);
    }
  });

  it('is not seen in a torn frame whose checksum differs as by one bit', () => {
    for (const kept of [100, 4_096, 60_000, PAYLOAD_BYTES]) {
      const torn = frameOf(3).fill(0, kept);
      collide(torn, 50);
      expect(flippedByte(torn, 0, SEGMENT), `${kept} bytes kept`).toBeUndefined();
    }
  });

  it('is not seen in a frame whose end is that of an older one', () => {
    const torn = frameOf(3);
    torn.set(frameOf(2).subarray(4_096), 4_096);
    collide(torn, torn.length - 3);
    expect(flippedByte(torn, 0, SEGMENT)).toBeUndefined();
  });
});
