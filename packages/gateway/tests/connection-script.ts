/** Lines about connections and about what a server without functions answers; see script.ts. */
export const connectionScript = `
# connection
a ping
a ping hello
a ping a b
a echo <binary \\x00\\xff\\x0d\\x0a>
a echo
a foo
a foo <a b> \\x00c <d\\x0ae>
a get
a get a b
a config
a config nope
a client nope
a select 15
a set only-in-15 x
a select 0
a get only-in-15
a select 16
a select -1
a select x
a select 3000000000
a auth x
a auth default x
a auth bob x
a auth a b c
a client setname <with space>
a client getname
a client setname fine
a client getname
a client setname <>
a client getname
a client id extra
a client no-evict maybe
a client no-evict on
a client reply maybe
a client list id x
a client list type nope
a client kill 1.1.1.1:1
a client kill id 0
a client kill id 4000000
a client kill type nope
a client kill skipme perhaps
a client kill nope x
a hello
a hello 4
a hello x
a hello 3 nope
a hello 3 setname <a b>
a hello 3 setname three
a client getname
a get missing
a mget missing missing
a hello 2
a get missing
a command getkeys get k
a command getkeys mset a 1 b 2
a command getkeys set
a command getkeys nope a
a command getkeys nope
a command list filterby pattern setex
a command list filterby nope x
a command info nope
a command info get set getex mset watch select fcall ping
a command info config|get client|setname function|load function|nope get|x config|get|x
a command info nope GET
a command
a command info
a command count
a command count x
a command list
a command list x
a command list filterby aclcat scripting
a command list filterby aclcat NOPE
a command list filterby aclcat dangerous
a command list filterby pattern se*
a command list filterby pattern CONFIG|*
a command list filterby module x
a command docs get x
a command docs nope
a command nope
a command getkeys
a command getkeys config get x
a command getkeys config nope x
a command getkeys config
a command getkeys ping x
a command getkeys fcall f 2 a b c
a command getkeys fcall f 2 a
a command getkeys fcall f 0
a command getkeys GET k
a command getkeysandflags
a command getkeysandflags set k v get
a command getkeysandflags set k v
a command getkeysandflags mget a b c
a command getkeysandflags fcall_ro f 1 k x
a command getkeysandflags select 1
a command help
a command help x
a config set nope x
a config get databases
a config set maxmemory bla
a config set maxmemory -1
a config set maxmemory 1.5gb
a config set maxmemory 100mb
a config get maxmemory
a config set maxmemory 10K
a config get maxmemory
a config set maxmemory <>
a config get maxmemory
a config set maxmemory 0
a config set maxmemory-policy bla
a config set maxmemory-policy ALLKEYS-LRU
a config get maxmemory-policy
a config set maxmemory-policy noeviction
a config set maxmemory-clients bla
a config set maxmemory-clients 5%
a config get maxmemory-clients
a config set maxmemory-clients 0
a config set appendonly bla
a config set appendfsync bla
a config set loglevel bla
a config set hz bla
a config set hz <>
a config set timeout -1
a config set slowlog-log-slower-than -5
a config set slowlog-max-len -1
a config set list-max-listpack-size bla
a config set proto-max-bulk-len 10
a config set client-query-buffer-limit 100
a config set stream-node-max-bytes bla
a config set save bla
a config set save <3600 1>
a config get save
a config set save <>
a config set dir /nonexistent
a config set notify-keyspace-events bla@
a config set hz 5 maxmemory bla
a config get hz
a config help
a config help x
a config set maxmemory 1 maxmemory 2
# functions, of which there are none
a function
a function bla
a function flush
a function flush async
a function flush bla
a function flush sync x
a function list
a function list withcode libraryname x
a function list bla
a function list libraryname
a function list withcode withcode
a function stats
a function dump
a function delete x
a function delete
a function kill
a function restore x
a function restore x bla
a function restore <\\x0a\\x00]\\x9b\\x5c@\\x0f\\x7f\\xa2\\xda> flush
a function load x
a function load replace
a function load bla x
a function load <#!lua name=x>
a function load <#!lua\\x0areturn 1>
a function load <#!js name=x\\x0areturn 1>
a function help
a function help x
a fcall f 0
a fcall f x
a fcall_ro f 0
a fcall f
a hello 3
a function stats
a hello 2
a reset
`;
