import { randomBytes } from 'node:crypto';
import { Prng, type Rng } from '@tinykv/base';

/** A stream of its own for each process: the simulator's generator with a seed from the system. */
export function systemRng(): Rng {
  return new Prng(randomBytes(32).toString('hex'));
}
