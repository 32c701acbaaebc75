import { FaultyKv } from './faulty-kv.js';
import { type TestGateway, testGateway } from './harness.js';

/** A gateway in memory, and its store, whose calls go as a script says. */
export interface FaultyGateway {
  readonly gateway: TestGateway;
  readonly kv: FaultyKv;
}

export async function faultyGateway(
  options: Omit<NonNullable<Parameters<typeof testGateway>[0]>, 'wrap'> = {},
): Promise<FaultyGateway> {
  let kv: FaultyKv | undefined;
  const gateway = await testGateway({
    ...options,
    wrap: (memory) => {
      kv = new FaultyKv(memory);
      return kv;
    },
  });
  return { gateway, kv: kv! };
}
