import { mayDamage, replace } from '../replacement.js';
import type { FaultRule } from '../rule.js';

/** Durable data is no more: at most one store of a run, which is replaced. */
export const damage: readonly FaultRule[] = [
  {
    kind: 'bit-rot',
    weight: 1,
    lastsMs: [0, 1],
    begin: (arena, strike) => {
      const store = arena.store(strike);
      if (!mayDamage(arena, store)) return false;
      const { log, engine } = store.machine;
      const { rng } = arena.cluster.world;
      store.damaged = true;
      if (strike.amount < 0.5) return log.rot(rng);
      void engine.rot(rng);
      return true;
    },
  },
  {
    // The disk writes a sector to another place. Checksums find it when it is read, at the next start at the latest.
    kind: 'misdirected-write',
    weight: 1,
    lastsMs: [0, 500],
    begin: (arena, strike) => {
      const store = arena.store(strike);
      if (!mayDamage(arena, store)) return false;
      if (!store.machine.log.misdirect(arena.cluster.world.rng)) return false;
      store.damaged = true;
      return strike.amount < 0.5 || arena.later(strike.lastsMs, () => arena.crash(store, 100));
    },
  },
  {
    // The machine burns down; a new one takes its place some time later.
    kind: 'wipe-store',
    weight: 1,
    lastsMs: [100, 3_000],
    begin: (arena, strike) => {
      const store = arena.store(strike);
      if (!mayDamage(arena, store)) return false;
      store.damaged = true;
      store.retire();
      return arena.later(strike.lastsMs, () => void replace(arena, store));
    },
  },
  {
    kind: 'damage-snapshot',
    weight: 1,
    lastsMs: [50, 1_000],
    begin: (arena, strike) => {
      const store = arena.store(strike);
      arena.crash(store, strike.lastsMs);
      store.filesDamaged = true;
      return store.machine.fs.damage('.snap', arena.cluster.world.rng);
    },
  },
];
