/** Talks to a server of kvs-server.ts: `tsx kvs-client.ts host:port`. */
import { KvsClient, WriteConflictError } from '@tinykv/kvs';

const endpoint = process.argv[2];
if (endpoint === undefined) throw new Error('usage: kvs-client.ts host:port');
const client = await KvsClient.builder().endpoint(endpoint).build();

// One key at a time: each call is a transaction of its own.
await client.set('greeting', 'hello');
console.log('greeting =', await client.get('greeting'));
console.log('removed:', await client.remove('greeting'));
console.log('greeting =', await client.get('greeting'));

// Several keys at once: others see both changes, or neither.
await client.set('alice', '100');
await client.set('bob', '0');
const transfer = await client.txnStart();
const alice = Number(await client.txnGet(transfer, 'alice'));
const bob = Number(await client.txnGet(transfer, 'bob'));
client.txnSet(transfer, 'alice', String(alice - 30));
client.txnSet(transfer, 'bob', String(bob + 30));
console.log('before the commit: bob =', await client.get('bob'));
await client.txnCommit(transfer);
console.log(
  'after the commit: alice =',
  await client.get('alice'),
  'bob =',
  await client.get('bob'),
);

// Of two transactions that read and change the same key, the second to commit is told so.
const first = await client.txnStart();
const second = await client.txnStart();
client.txnSet(first, 'bob', `${await client.txnGet(first, 'bob')}1`);
client.txnSet(second, 'bob', `${await client.txnGet(second, 'bob')}2`);
await client.txnCommit(first);
try {
  await client.txnCommit(second);
} catch (error) {
  if (!(error instanceof WriteConflictError)) throw error;
  console.log('the second lost: bob =', await client.get('bob'));
}
await client.close();
