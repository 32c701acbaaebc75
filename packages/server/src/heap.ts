import { setFlagsFromString } from 'node:v8';

/** The old generation may grow by this much over what lives before V8 collects it. */
const GROWTH_PERCENT = 400;

/**
 * For processes that serve: V8 collects the old generation rarely. By itself it does so once some 8 MB
 * have been added to a small heap, and buffers count, so that a store under load, with 25 MB alive,
 * would mark its whole heap two or three times a second, with helper threads that take the cores from
 * its peers. A bound of the whole heap (`--max-old-space-size`) holds as before. To be called once, at start.
 */
export function letHeapGrow(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
