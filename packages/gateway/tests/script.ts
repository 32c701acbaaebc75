import { connectionScript } from './connection-script.js';

export interface ScriptLine {
  /** Which connection sends it. */
  readonly client: string;
  readonly argv: readonly string[];
}

/** Words are separated by spaces; `<…>` holds an argument with spaces or escapes, `<>` an empty one. */
function lines(text: string): ScriptLine[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const words = [...line.matchAll(/<([^>]*)>|(\S+)/g)].map((match) =>
        (match[1] ?? match[2]!).replace(/\\x([0-9a-f]{2})/g, (_, hex: string) =>
          String.fromCharCode(Number.parseInt(hex, 16)),
        ),
      );
      return { client: words[0]!, argv: words.slice(1) };
    });
}

const far = 32_503_680_000;

export const fixedScript: readonly ScriptLine[] = lines(`
${connectionScript}
# strings
a set k v
a get k
a set k v nx
a set k w xx
a set new w xx
a set k x get
a set fresh x get
a set fresh2 x nx get
a set k y nx get
a set k v ex 0
a set k v ex -1
a set k v px 0
a set k v ex x
a set k v ex 9223372036854775807
a set k v px 9223372036854775807
a set k v exat 0
a set k v ex
a set k v nx xx
a set k v xx nx
a set k v ex 10 px 10
a set k v ex 10 ex 20
a set k v keepttl ex 10
a set k v ex 10 keepttl
a set k v keepttl
a set k v nope
a set k v ex 600
a ttl k
a set k v2 keepttl
a ttl k
a set k v3
a ttl k
a set gone v exat 1
a get gone
a exists gone
a set gone2 v
a set gone2 w pxat 1000
a get gone2
a setex k 600 v
a ttl k
a setex k 0 v
a setex k -5 v
a setex k x v
a psetex k 600000 v
a pttl k
a psetex k 0 v
a setnx k v
a setnx nx1 v
a getset k old
a getset nx2 v
a ttl k
a getdel nx2
a getdel nx2
a getex k
a getex k ex 600
a ttl k
a getex k persist
a ttl k
a getex k ex 0
a getex k ex x
a getex missing ex 0
a getex k ex 10 persist
a getex k nope
a getex k pxat 1
a get k
a mset a 1 b 2 c 3
a mget a b c d
a mset a 1 b
a mset a 1 a 2
a get a
a msetnx a 1 z 2
a exists z
a msetnx y 1 z 2 y 3
a mget y z
a msetnx a
a append ap foo
a append ap bar
a append ap <>
a append newempty <>
a exists newempty
a get ap
a strlen ap
a strlen missing
a getrange ap 0 -1
a getrange ap -3 -1
a getrange ap 2 100
a getrange ap 5 2
a getrange ap -100 -90
a getrange ap x 1
a getrange missing 0 1
a substr ap 0 1
a setrange ap 3 XY
a get ap
a setrange ap 10 Z
a get ap
a setrange missing2 0 <>
a exists missing2
a setrange missing2 3 abc
a get missing2
a setrange ap -1 x
a setrange ap x x
a setrange ap 999999999999 x
a setrange ap 999999999999 <>
a set n 10
a incr n
a incrby n 5
a decr n
a decrby n 20
a incr fresh-counter
a set n 01
a incr n
a set n <1 >
a incr n
a set n -0
a incr n
a set n 9223372036854775807
a incr n
a incrby n -1
a set n -9223372036854775808
a decr n
a decrby n 1
a decrby n -9223372036854775808
a incrby n 9223372036854775808
a incrby n x
a set n 12345678901234567890123
a incr n
a set n 5 ex 600
a incr n
a ttl n
# keys
a del a b missing a
a unlink c
a set e1 1
a exists e1 e1 missing
a touch e1 missing
a type e1
a type missing
a expire e1 600
a ttl e1
a expire e1 700 nx
a expire e1 500 gt
a expire e1 800 gt
a expire e1 900 lt
a expire e1 300 lt
a ttl e1
a persist e1
a persist e1
a persist missing
a expire e1 100 xx
a expire e1 100 gt
a expire e1 6000 lt
a ttl e1
a expire e1 10 nx gt
a expire e1 10 nx xx
a expire e1 10 gt lt
a expire e1 10 xx gt
a expire e1 10 nope
a expire e1 x
a expire e1 9223372036854775807
a expire e1 -9223372036854775808
a pexpire e1 9223372036854775807
a expire missing 10
a pexpire e1 6000000
a pttl e1
a expireat e1 ${far}
a expiretime e1
a pexpireat e1 ${far}000
a pexpiretime e1
a expiretime missing
a pttl missing
a set noexp 1
a expiretime noexp
a pexpiretime noexp
a expire e1 -1
a exists e1
a set e2 1
a expireat e2 1
a exists e2
a set e3 1
a pexpire e3 0
a exists e3
a flushdb nope
a flushdb async extra
a flushdb
a dbsize
a mset key:1 a key:2 b {tag}x c {tag}y d
a keys *
a keys key:?
a keys key:[12]
a keys key:[^1]
a keys {tag}*
a keys nope*
a keys *[y
a dbsize
a scan 0 count 100
a scan x
a scan -1
a scan 18446744073709551616
a scan <>
a scan 0 count 0
a scan 0 count x
a scan 0 nope x
a scan 0 match
a scan 0 type string
a select 15
a flushall sync
a dbsize
a select 0
a dbsize
# times beyond 2^53 milliseconds
a set e v
a pexpireat e 9007199254741000
a pexpireat e 9007199254741001 gt
a pexpireat e 9007199254741001 gt
a pexpiretime e
a expiretime e
a pexpireat e 9223372036854775807
a expiretime e
a ttl e
a expireat e 9223372036854775
a expireat e 9223372036854776
a pexpire e 9223372036854775807
a expire e 9223372036854775
a pexpire e 9000000000000000000
a pttl e
a set e v pxat 9223372036854775807
a set e v exat 9223372036854775
a getex e pxat 9223372036854775806
a psetex e 9223372036854775807 v
a setex e 9223372036854775 v
a setex e 9223370000000000 v
a ttl e
a append e w
a ttl e
a pexpireat e -9223372036854775808
a get e
# transactions
a exec extra
a multi
a set t 1
a exec extra
a exec
a get t
a multi
a set
a exec extra
a discard
a multi
a discard extra
a exec
a multi
a get none
a hello 3
a get none
a hello 2
a get none
a hello 3
a exec
a get none
a hello 2
a multi
a get none
a hello 3 setname <a b>
a fcall f 0
a exec
a get none
a multi
a set m 1
a incr m
a get m
a exec
a exec
a discard
a multi
a multi
a watch m
a exec
a multi
a set m
a set m 5
a exec
a get m
a multi
a nope
a exec
a multi
a set m notint
a incr m
a set m2 after
a exec
a mget m m2
a multi
a set m 7
a discard
a get m
a watch m
b set m changed
a multi
a get m
a exec
a watch m
b set m changed
a multi
a ping
a exec
a watch m
a unwatch
b set m again
a multi
a get m
a exec
a watch absent
b set absent now
a multi
a ping
a exec
b del absent
a watch absent
b set other 1
a multi
a get absent
a exec
a watch m
a set m own
a multi
a ping
a exec
a watch m m2
a multi
a unwatch
a set m ok
a exec
a watch m
b expire m 600
a multi
a ping
a exec
a watch m
b flushall
a multi
a ping
a exec
a watch nothere
b flushall
a multi
a ping
a exec
a multi
a set before 1
a flushall
a set after 1
a exec
a mget before after
a multi
a select 2
a set in2 x
a select 99
a select 0
a exec
a get in2
a select 2
a get in2
a select 0
a multi
a set t 1 ex 600
a ttl t
a expire t 0
a get t
a exec
a multi
a reset
a exec
a watch
a unwatch extra
a debug sleep 0
a time x
a info x y
`);
