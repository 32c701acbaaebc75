import { type CommandFacts, readFacts } from './facts.js';

/** Sub-commands of Redis 7.2 that clients send without asking for the version. */
const ROWS = `
client -2 - slow connection 2.4.0 - - - Depends on subcommand.
  client|no-touch 3 noscript,loading,stale slow,connection connection 7.2.0 - - - O(1)
  client|setinfo 4 noscript,loading,stale slow,connection connection 7.2.0 - - - O(1)
`;

/** The table with what is answered beyond Redis 7.0. */
export function laterCommands(
  facts: ReadonlyMap<string, CommandFacts>,
): ReadonlyMap<string, CommandFacts> {
  const all = new Map(facts);
  for (const [name, later] of readFacts(ROWS, '')) {
    const own = all.get(name) ?? later;
    const subcommands = new Map([...(own.subcommands ?? []), ...(later.subcommands ?? [])]);
    all.set(name, { ...own, subcommands });
  }
  return all;
}
