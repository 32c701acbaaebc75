import type { limits } from '@tinykv/base';
import type { GatewayConfig } from '@tinykv/gateway';
import type { SchedulerConfig } from '@tinykv/scheduler';
import type { StoreConfig } from '@tinykv/server/store';

/** Limits of queues, batches and pages, by name. */
export type Limits = { readonly [Name in keyof typeof limits]: number };

/** Everything that a plan can set of the programs of a cluster, by where it is set. */
export interface Configs {
  readonly store: Omit<StoreConfig, 'replica' | 'address'>;
  readonly replica: StoreConfig['replica'];
  readonly scheduler: SchedulerConfig;
  readonly gateway: GatewayConfig;
  readonly limits: Limits;
}

/** The differences from the settings of a simulated cluster that nobody says more about. Plain data: plans keep it. */
export type Settings = { readonly [Where in keyof Configs]?: Partial<Configs[Where]> };
