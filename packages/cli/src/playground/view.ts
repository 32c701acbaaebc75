import type { Member, MemberState } from '@tinykv/kvs';

/** A playground as other processes see it: the answer of its control socket, beside the text. */
export interface PlaygroundView {
  readonly tag: string;
  /** From where it was started. */
  readonly startedIn: string;
  readonly dataDir: string;
  /** host:port. */
  readonly scheduler: string;
  readonly members: readonly MemberView[];
}

export interface MemberView {
  readonly name: string;
  readonly program: string;
  readonly address: string;
  readonly statusAddress: string;
  readonly pid: number | undefined;
  readonly state: MemberState;
}

export function viewOf({ spec, pid, state }: Member): MemberView {
  const { name, program, address, statusAddress } = spec;
  return { name, program, address, statusAddress, pid, state };
}

/** Names of its stores by address. */
export function storeNames(view: PlaygroundView): ReadonlyMap<string, string> {
  const stores = view.members.filter((member) => member.program === 'tinykv-server');
  return new Map(stores.map((member) => [member.address, member.name]));
}
