// Written by scripts/command-facts.ts from a running redis-server 7.0.15; `facts.ts` tells the form.

/** All commands of Redis, a row each. */
export const redisCommands: string = `
acl -2 - slow server 6.0.0 - - - Depends on subcommand.
  acl|cat -2 noscript,loading,stale slow server 6.0.0 - - - O(1) since the categories and commands are a fixed set.
  acl|deluser -3 admin,noscript,loading,stale admin,slow,dangerous server 6.0.0 - - - O(1) amortized time considering the typical user.
  acl|dryrun -4 admin,noscript,loading,stale admin,slow,dangerous server 7.0.0 - - - O(1).
  acl|genpass -2 noscript,loading,stale slow server 6.0.0 - - - O(1)
  acl|getuser 3 admin,noscript,loading,stale admin,slow,dangerous server 6.0.0 - - - O(N). Where N is the number of password, command and pattern rules that the user has.
  acl|help 2 loading,stale slow server 6.0.0 - - - O(1)
  acl|list 2 admin,noscript,loading,stale admin,slow,dangerous server 6.0.0 - - - O(N). Where N is the number of configured users.
  acl|load 2 admin,noscript,loading,stale admin,slow,dangerous server 6.0.0 - - - O(N). Where N is the number of configured users.
  acl|log -2 admin,noscript,loading,stale admin,slow,dangerous server 6.0.0 - - - O(N) with N being the number of entries shown.
  acl|save 2 admin,noscript,loading,stale admin,slow,dangerous server 6.0.0 - - - O(N). Where N is the number of configured users.
  acl|setuser -3 admin,noscript,loading,stale admin,slow,dangerous server 6.0.0 - - - O(N). Where N is the number of rules provided.
  acl|users 2 admin,noscript,loading,stale admin,slow,dangerous server 6.0.0 - - - O(N). Where N is the number of configured users.
  acl|whoami 2 noscript,loading,stale slow server 6.0.0 - - - O(1)
append 3 write,denyoom,fast write,string,fast string 2.0.0 - - RW+insert@1 O(1). The amortized time complexity is O(1) assuming the appended value is small and the already present value is of any size, since the dynamic string library used by Redis will double the free space available on every reallocation.
asking 1 fast fast,connection cluster 3.0.0 - - - O(1)
auth -2 noscript,loading,stale,fast,no_auth,allow_busy fast,connection connection 1.0.0 - - - O(N) where N is the number of passwords defined for the user
bgrewriteaof 1 admin,noscript,no_async_loading admin,slow,dangerous server 1.0.0 - - - O(1)
bgsave -1 admin,noscript,no_async_loading admin,slow,dangerous server 1.0.0 - - - O(1)
bitcount -2 readonly read,bitmap,slow bitmap 2.6.0 - - RO+access@1 O(N)
bitfield -2 write,denyoom write,bitmap,slow bitmap 3.2.0 - - RW+access+update+variable_flags@1 O(1) for each subcommand specified
bitfield_ro -2 readonly,fast read,bitmap,fast bitmap 6.0.0 - - RO+access@1 O(1) for each subcommand specified
bitop -4 write,denyoom write,bitmap,slow bitmap 2.6.0 - - OW+update@2;RO+access@3..-1 O(N)
bitpos -3 readonly read,bitmap,slow bitmap 2.8.7 - - RO+access@1 O(N)
blmove 6 write,denyoom,noscript,blocking write,list,slow,blocking list 6.2.0 - - RW+access+delete@1;RW+insert@2 O(1)
blmpop -5 write,blocking,movablekeys write,list,slow,blocking list 7.0.0 - - RW+access+delete@2#0+1 O(N+M) where N is the number of provided keys and M is the number of elements returned.
blpop -3 write,noscript,blocking write,list,slow,blocking list 2.0.0 - - RW+access+delete@1..-2 O(N) where N is the number of provided keys.
brpop -3 write,noscript,blocking write,list,slow,blocking list 2.0.0 - - RW+access+delete@1..-2 O(N) where N is the number of provided keys.
brpoplpush 4 write,denyoom,noscript,blocking write,list,slow,blocking list 2.2.0 deprecated:6.2.0 - RW+access+delete@1;RW+insert@2 O(1)
bzmpop -5 write,blocking,movablekeys write,sortedset,slow,blocking sorted-set 7.0.0 - - RW+access+delete@2#0+1 O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, and M being the number of elements popped.
bzpopmax -3 write,noscript,blocking,fast write,sortedset,fast,blocking sorted-set 5.0.0 - - RW+access+delete@1..-2 O(log(N)) with N being the number of elements in the sorted set.
bzpopmin -3 write,noscript,blocking,fast write,sortedset,fast,blocking sorted-set 5.0.0 - - RW+access+delete@1..-2 O(log(N)) with N being the number of elements in the sorted set.
client -2 - slow connection 2.4.0 - - - Depends on subcommand.
  client|caching 3 noscript,loading,stale slow,connection connection 6.0.0 - - - O(1)
  client|getname 2 noscript,loading,stale slow,connection connection 2.6.9 - - - O(1)
  client|getredir 2 noscript,loading,stale slow,connection connection 6.0.0 - - - O(1)
  client|help 2 loading,stale slow,connection connection 5.0.0 - - - O(1)
  client|id 2 noscript,loading,stale slow,connection connection 5.0.0 - - - O(1)
  client|info 2 noscript,loading,stale slow,connection connection 6.2.0 - nondeterministic_output - O(1)
  client|kill -3 admin,noscript,loading,stale admin,slow,dangerous,connection connection 2.4.0 - - - O(N) where N is the number of client connections
  client|list -2 admin,noscript,loading,stale admin,slow,dangerous,connection connection 2.4.0 - nondeterministic_output - O(N) where N is the number of client connections
  client|no-evict 3 admin,noscript,loading,stale admin,slow,dangerous,connection connection 7.0.0 - - - O(1)
  client|pause -3 admin,noscript,loading,stale admin,slow,dangerous,connection connection 2.9.50 - - - O(1)
  client|reply 3 noscript,loading,stale slow,connection connection 3.2.0 - - - O(1)
  client|setname 3 noscript,loading,stale slow,connection connection 2.6.9 - - - O(1)
  client|tracking -3 noscript,loading,stale slow,connection connection 6.0.0 - - - O(1). Some options may introduce additional complexity.
  client|trackinginfo 2 noscript,loading,stale slow,connection connection 6.2.0 - - - O(1)
  client|unblock -3 admin,noscript,loading,stale admin,slow,dangerous,connection connection 5.0.0 - - - O(log N) where N is the number of client connections
  client|unpause 2 admin,noscript,loading,stale admin,slow,dangerous,connection connection 6.2.0 - - - O(N) Where N is the number of paused clients
cluster -2 - slow cluster 3.0.0 - - - Depends on subcommand.
  cluster|addslots -3 admin,stale,no_async_loading admin,slow,dangerous cluster 3.0.0 - - - O(N) where N is the total number of hash slot arguments
  cluster|addslotsrange -4 admin,stale,no_async_loading admin,slow,dangerous cluster 7.0.0 - - - O(N) where N is the total number of the slots between the start slot and end slot arguments.
  cluster|bumpepoch 2 admin,stale,no_async_loading admin,slow,dangerous cluster 3.0.0 - nondeterministic_output - O(1)
  cluster|count-failure-reports 3 admin,stale admin,slow,dangerous cluster 3.0.0 - nondeterministic_output - O(N) where N is the number of failure reports
  cluster|countkeysinslot 3 stale slow cluster 3.0.0 - - - O(1)
  cluster|delslots -3 admin,stale,no_async_loading admin,slow,dangerous cluster 3.0.0 - - - O(N) where N is the total number of hash slot arguments
  cluster|delslotsrange -4 admin,stale,no_async_loading admin,slow,dangerous cluster 7.0.0 - - - O(N) where N is the total number of the slots between the start slot and end slot arguments.
  cluster|failover -2 admin,stale,no_async_loading admin,slow,dangerous cluster 3.0.0 - - - O(1)
  cluster|flushslots 2 admin,stale,no_async_loading admin,slow,dangerous cluster 3.0.0 - - - O(1)
  cluster|forget 3 admin,stale,no_async_loading admin,slow,dangerous cluster 3.0.0 - - - O(1)
  cluster|getkeysinslot 4 stale slow cluster 3.0.0 - nondeterministic_output - O(log(N)) where N is the number of requested keys
  cluster|help 2 loading,stale slow cluster 5.0.0 - - - O(1)
  cluster|info 2 stale slow cluster 3.0.0 - nondeterministic_output - O(1)
  cluster|keyslot 3 stale slow cluster 3.0.0 - - - O(N) where N is the number of bytes in the key
  cluster|links 2 stale slow cluster 7.0.0 - nondeterministic_output - O(N) where N is the total number of Cluster nodes
  cluster|meet -4 admin,stale,no_async_loading admin,slow,dangerous cluster 3.0.0 - - - O(1)
  cluster|myid 2 stale slow cluster 3.0.0 - - - O(1)
  cluster|nodes 2 stale slow cluster 3.0.0 - nondeterministic_output - O(N) where N is the total number of Cluster nodes
  cluster|replicas 3 admin,stale admin,slow,dangerous cluster 5.0.0 - nondeterministic_output - O(1)
  cluster|replicate 3 admin,stale,no_async_loading admin,slow,dangerous cluster 3.0.0 - - - O(1)
  cluster|reset -2 admin,noscript,stale admin,slow,dangerous cluster 3.0.0 - - - O(N) where N is the number of known nodes. The command may execute a FLUSHALL as a side effect.
  cluster|saveconfig 2 admin,stale,no_async_loading admin,slow,dangerous cluster 3.0.0 - - - O(1)
  cluster|set-config-epoch 3 admin,stale,no_async_loading admin,slow,dangerous cluster 3.0.0 - - - O(1)
  cluster|setslot -4 admin,stale,no_async_loading admin,slow,dangerous cluster 3.0.0 - - - O(1)
  cluster|shards 2 stale slow cluster 7.0.0 - nondeterministic_output - O(N) where N is the total number of cluster nodes
  cluster|slaves 3 admin,stale admin,slow,dangerous cluster 3.0.0 deprecated:5.0.0 nondeterministic_output - O(1)
  cluster|slots 2 stale slow cluster 3.0.0 deprecated:7.0.0 nondeterministic_output - O(N) where N is the total number of Cluster nodes
command -1 loading,stale slow,connection server 2.8.13 - nondeterministic_output_order - O(N) where N is the total number of Redis commands
  command|count 2 loading,stale slow,connection server 2.8.13 - - - O(1)
  command|docs -2 loading,stale slow,connection server 7.0.0 - nondeterministic_output_order - O(N) where N is the number of commands to look up
  command|getkeys -4 loading,stale slow,connection server 2.8.13 - - - O(N) where N is the number of arguments to the command
  command|getkeysandflags -4 loading,stale slow,connection server 7.0.0 - - - O(N) where N is the number of arguments to the command
  command|help 2 loading,stale slow,connection server 5.0.0 - - - O(1)
  command|info -2 loading,stale slow,connection server 2.8.13 - nondeterministic_output_order - O(N) where N is the number of commands to look up
  command|list -2 loading,stale slow,connection server 7.0.0 - nondeterministic_output_order - O(N) where N is the total number of Redis commands
config -2 - slow server 2.0.0 - - - Depends on subcommand.
  config|get -3 admin,noscript,loading,stale admin,slow,dangerous server 2.0.0 - - - O(N) when N is the number of configuration parameters provided
  config|help 2 loading,stale slow server 5.0.0 - - - O(1)
  config|resetstat 2 admin,noscript,loading,stale admin,slow,dangerous server 2.0.0 - - - O(1)
  config|rewrite 2 admin,noscript,loading,stale admin,slow,dangerous server 2.8.0 - - - O(1)
  config|set -4 admin,noscript,loading,stale admin,slow,dangerous server 2.0.0 - request_policy:all_nodes,response_policy:all_succeeded - O(N) when N is the number of configuration parameters provided
copy -3 write,denyoom keyspace,write,slow generic 6.2.0 - - RO+access@1;OW+update@2 O(N) worst case for collections, where N is the number of nested items. O(1) for string values.
dbsize 1 readonly,fast keyspace,read,fast server 1.0.0 - request_policy:all_shards,response_policy:agg_sum - O(1)
debug -2 admin,noscript,loading,stale admin,slow,dangerous server 1.0.0 syscmd - - Depends on subcommand.
decr 2 write,denyoom,fast write,string,fast string 1.0.0 - - RW+access+update@1 O(1)
decrby 3 write,denyoom,fast write,string,fast string 1.0.0 - - RW+access+update@1 O(1)
del -2 write keyspace,write,slow generic 1.0.0 - request_policy:multi_shard,response_policy:agg_sum RM+delete@1..-1 O(N) where N is the number of keys that will be removed. When a key to remove holds a value other than a string, the individual complexity for this key is O(M) where M is the number of elements in the list, set, sorted set or hash. Removing a single key that holds a string value is O(1).
discard 1 noscript,loading,stale,fast,allow_busy fast,transaction transactions 2.0.0 - - - O(N), when N is the number of queued commands
dump 2 readonly keyspace,read,slow generic 2.6.0 - nondeterministic_output RO+access@1 O(1) to access the key and additional O(N*M) to serialize it, where N is the number of Redis objects composing the value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1).
echo 2 loading,stale,fast fast,connection connection 1.0.0 - - - O(1)
eval -3 noscript,stale,skip_monitor,no_mandatory_keys,movablekeys slow,scripting scripting 2.6.0 - - RW+access+update@2#0+1 Depends on the script that is executed.
eval_ro -3 readonly,noscript,stale,skip_monitor,no_mandatory_keys,movablekeys slow,scripting scripting 7.0.0 - - RO+access@2#0+1 Depends on the script that is executed.
evalsha -3 noscript,stale,skip_monitor,no_mandatory_keys,movablekeys slow,scripting scripting 2.6.0 - - RW+access+update@2#0+1 Depends on the script that is executed.
evalsha_ro -3 readonly,noscript,stale,skip_monitor,no_mandatory_keys,movablekeys slow,scripting scripting 7.0.0 - - RO+access@2#0+1 Depends on the script that is executed.
exec 1 noscript,loading,stale,skip_slowlog slow,transaction transactions 1.2.0 - - - Depends on commands in the transaction
exists -2 readonly,fast keyspace,read,fast generic 1.0.0 - request_policy:multi_shard,response_policy:agg_sum RO@1..-1 O(N) where N is the number of keys to check.
expire -3 write,fast keyspace,write,fast generic 1.0.0 - - RW+update@1 O(1)
expireat -3 write,fast keyspace,write,fast generic 1.2.0 - - RW+update@1 O(1)
expiretime 2 readonly,fast keyspace,read,fast generic 7.0.0 - - RO+access@1 O(1)
failover -1 admin,noscript,stale admin,slow,dangerous server 6.2.0 - - - O(1)
fcall -3 noscript,stale,skip_monitor,no_mandatory_keys,movablekeys slow,scripting scripting 7.0.0 - - RW+access+update@2#0+1 Depends on the function that is executed.
fcall_ro -3 readonly,noscript,stale,skip_monitor,no_mandatory_keys,movablekeys slow,scripting scripting 7.0.0 - - RO+access@2#0+1 Depends on the function that is executed.
flushall -1 write keyspace,write,slow,dangerous server 1.0.0 - request_policy:all_shards,response_policy:all_succeeded - O(N) where N is the total number of keys in all databases
flushdb -1 write keyspace,write,slow,dangerous server 1.0.0 - request_policy:all_shards,response_policy:all_succeeded - O(N) where N is the number of keys in the selected database
function -2 - slow scripting 7.0.0 - - - Depends on subcommand.
  function|delete 3 write,noscript write,slow,scripting scripting 7.0.0 - request_policy:all_shards,response_policy:all_succeeded - O(1)
  function|dump 2 noscript slow,scripting scripting 7.0.0 - - - O(N) where N is the number of functions
  function|flush -2 write,noscript write,slow,scripting scripting 7.0.0 - request_policy:all_shards,response_policy:all_succeeded - O(N) where N is the number of functions deleted
  function|help 2 loading,stale slow,scripting scripting 7.0.0 - - - O(1)
  function|kill 2 noscript,allow_busy slow,scripting scripting 7.0.0 - request_policy:all_shards,response_policy:one_succeeded - O(1)
  function|list -2 noscript slow,scripting scripting 7.0.0 - nondeterministic_output_order - O(N) where N is the number of functions
  function|load -3 write,denyoom,noscript write,slow,scripting scripting 7.0.0 - request_policy:all_shards,response_policy:all_succeeded - O(1) (considering compilation time is redundant)
  function|restore -3 write,denyoom,noscript write,slow,scripting scripting 7.0.0 - request_policy:all_shards,response_policy:all_succeeded - O(N) where N is the number of functions on the payload
  function|stats 2 noscript,allow_busy slow,scripting scripting 7.0.0 - nondeterministic_output,request_policy:all_shards,response_policy:special - O(1)
geoadd -5 write,denyoom write,geo,slow geo 3.2.0 - - RW+update@1 O(log(N)) for each item added, where N is the number of elements in the sorted set.
geodist -4 readonly read,geo,slow geo 3.2.0 - - RO+access@1 O(log(N))
geohash -2 readonly read,geo,slow geo 3.2.0 - - RO+access@1 O(log(N)) for each member requested, where N is the number of elements in the sorted set.
geopos -2 readonly read,geo,slow geo 3.2.0 - - RO+access@1 O(N) where N is the number of members requested.
georadius -6 write,denyoom,movablekeys write,geo,slow geo 3.2.0 deprecated:6.2.0 - RO+access@1;OW+update@STORE>6;OW+update@STOREDIST>6 O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.
georadius_ro -6 readonly read,geo,slow geo 3.2.10 deprecated:6.2.0 - RO+access@1 O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.
georadiusbymember -5 write,denyoom,movablekeys write,geo,slow geo 3.2.0 deprecated:6.2.0 - RO+access@1;OW+update@STORE>5;OW+update@STOREDIST>5 O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.
georadiusbymember_ro -5 readonly read,geo,slow geo 3.2.10 deprecated:6.2.0 - RO+access@1 O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.
geosearch -7 readonly read,geo,slow geo 6.2.0 - - RO+access@1 O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape provided as the filter and M is the number of items inside the shape
geosearchstore -8 write,denyoom write,geo,slow geo 6.2.0 - - OW+update@1;RO+access@2 O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape provided as the filter and M is the number of items inside the shape
get 2 readonly,fast read,string,fast string 1.0.0 - - RO+access@1 O(1)
getbit 3 readonly,fast read,bitmap,fast bitmap 2.2.0 - - RO+access@1 O(1)
getdel 2 write,fast write,string,fast string 6.2.0 - - RW+access+delete@1 O(1)
getex -2 write,fast write,string,fast string 6.2.0 - - RW+access+update@1 O(1)
getrange 4 readonly read,string,slow string 2.4.0 - - RO+access@1 O(N) where N is the length of the returned string. The complexity is ultimately determined by the returned length, but because creating a substring from an existing string is very cheap, it can be considered O(1) for small strings.
getset 3 write,denyoom,fast write,string,fast string 1.0.0 deprecated:6.2.0 - RW+access+update@1 O(1)
hdel -3 write,fast write,hash,fast hash 2.0.0 - - RW+delete@1 O(N) where N is the number of fields to be removed.
hello -1 noscript,loading,stale,fast,no_auth,allow_busy fast,connection connection 6.0.0 - - - O(1)
hexists 3 readonly,fast read,hash,fast hash 2.0.0 - - RO@1 O(1)
hget 3 readonly,fast read,hash,fast hash 2.0.0 - - RO+access@1 O(1)
hgetall 2 readonly read,hash,slow hash 2.0.0 - nondeterministic_output_order RO+access@1 O(N) where N is the size of the hash.
hincrby 4 write,denyoom,fast write,hash,fast hash 2.0.0 - - RW+access+update@1 O(1)
hincrbyfloat 4 write,denyoom,fast write,hash,fast hash 2.6.0 - - RW+access+update@1 O(1)
hkeys 2 readonly read,hash,slow hash 2.0.0 - nondeterministic_output_order RO+access@1 O(N) where N is the size of the hash.
hlen 2 readonly,fast read,hash,fast hash 2.0.0 - - RO@1 O(1)
hmget -3 readonly,fast read,hash,fast hash 2.0.0 - - RO+access@1 O(N) where N is the number of fields being requested.
hmset -4 write,denyoom,fast write,hash,fast hash 2.0.0 deprecated:4.0.0 - RW+update@1 O(N) where N is the number of fields being set.
hrandfield -2 readonly read,hash,slow hash 6.2.0 - nondeterministic_output RO+access@1 O(N) where N is the number of fields returned
hscan -3 readonly read,hash,slow hash 2.8.0 - nondeterministic_output RO+access@1 O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection..
hset -4 write,denyoom,fast write,hash,fast hash 2.0.0 - - RW+update@1 O(1) for each field/value pair added, so O(N) to add N field/value pairs when the command is called with multiple field/value pairs.
hsetnx 4 write,denyoom,fast write,hash,fast hash 2.0.0 - - RW+insert@1 O(1)
hstrlen 3 readonly,fast read,hash,fast hash 3.2.0 - - RO@1 O(1)
hvals 2 readonly read,hash,slow hash 2.0.0 - nondeterministic_output_order RO+access@1 O(N) where N is the size of the hash.
incr 2 write,denyoom,fast write,string,fast string 1.0.0 - - RW+access+update@1 O(1)
incrby 3 write,denyoom,fast write,string,fast string 1.0.0 - - RW+access+update@1 O(1)
incrbyfloat 3 write,denyoom,fast write,string,fast string 2.6.0 - - RW+access+update@1 O(1)
info -1 loading,stale slow,dangerous server 1.0.0 - nondeterministic_output,request_policy:all_shards,response_policy:special - O(1)
keys 2 readonly keyspace,read,slow,dangerous generic 1.0.0 - request_policy:all_shards,nondeterministic_output_order - O(N) with N being the number of keys in the database, under the assumption that the key names in the database and the given pattern have limited length.
lastsave 1 loading,stale,fast admin,fast,dangerous server 1.0.0 - nondeterministic_output - O(1)
latency -2 - slow server 2.8.13 - - - Depends on subcommand.
  latency|doctor 2 admin,noscript,loading,stale admin,slow,dangerous server 2.8.13 - nondeterministic_output,request_policy:all_nodes,response_policy:special - O(1)
  latency|graph 3 admin,noscript,loading,stale admin,slow,dangerous server 2.8.13 - nondeterministic_output,request_policy:all_nodes,response_policy:special - O(1)
  latency|help 2 loading,stale slow server 2.8.13 - - - O(1)
  latency|histogram -2 admin,noscript,loading,stale admin,slow,dangerous server 7.0.0 - nondeterministic_output,request_policy:all_nodes,response_policy:special - O(N) where N is the number of commands with latency information being retrieved.
  latency|history 3 admin,noscript,loading,stale admin,slow,dangerous server 2.8.13 - nondeterministic_output,request_policy:all_nodes,response_policy:special - O(1)
  latency|latest 2 admin,noscript,loading,stale admin,slow,dangerous server 2.8.13 - nondeterministic_output,request_policy:all_nodes,response_policy:special - O(1)
  latency|reset -2 admin,noscript,loading,stale admin,slow,dangerous server 2.8.13 - request_policy:all_nodes,response_policy:all_succeeded - O(1)
lcs -3 readonly read,string,slow string 7.0.0 - - RO+access@1..1 O(N*M) where N and M are the lengths of s1 and s2, respectively
lindex 3 readonly read,list,slow list 1.0.0 - - RO+access@1 O(N) where N is the number of elements to traverse to get to the element at index. This makes asking for the first or the last element of the list O(1).
linsert 5 write,denyoom write,list,slow list 2.2.0 - - RW+insert@1 O(N) where N is the number of elements to traverse before seeing the value pivot. This means that inserting somewhere on the left end on the list (head) can be considered O(1) and inserting somewhere on the right end (tail) is O(N).
llen 2 readonly,fast read,list,fast list 1.0.0 - - RO@1 O(1)
lmove 5 write,denyoom write,list,slow list 6.2.0 - - RW+access+delete@1;RW+insert@2 O(1)
lmpop -4 write,movablekeys write,list,slow list 7.0.0 - - RW+access+delete@1#0+1 O(N+M) where N is the number of provided keys and M is the number of elements returned.
lolwut -1 readonly,fast read,fast server 5.0.0 - - -
lpop -2 write,fast write,list,fast list 1.0.0 - - RW+access+delete@1 O(N) where N is the number of elements returned
lpos -3 readonly read,list,slow list 6.0.6 - - RO+access@1 O(N) where N is the number of elements in the list, for the average case. When searching for elements near the head or the tail of the list, or when the MAXLEN option is provided, the command may run in constant time.
lpush -3 write,denyoom,fast write,list,fast list 1.0.0 - - RW+insert@1 O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.
lpushx -3 write,denyoom,fast write,list,fast list 2.2.0 - - RW+insert@1 O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.
lrange 4 readonly read,list,slow list 1.0.0 - - RO+access@1 O(S+N) where S is the distance of start offset from HEAD for small lists, from nearest end (HEAD or TAIL) for large lists; and N is the number of elements in the specified range.
lrem 4 write write,list,slow list 1.0.0 - - RW+delete@1 O(N+M) where N is the length of the list and M is the number of elements removed.
lset 4 write,denyoom write,list,slow list 1.0.0 - - RW+update@1 O(N) where N is the length of the list. Setting either the first or the last element of the list is O(1).
ltrim 4 write write,list,slow list 1.0.0 - - RW+delete@1 O(N) where N is the number of elements to be removed by the operation.
memory -2 - slow server 4.0.0 - - - Depends on subcommand.
  memory|doctor 2 - slow server 4.0.0 - nondeterministic_output,request_policy:all_shards,response_policy:special - O(1)
  memory|help 2 loading,stale slow server 4.0.0 - - - O(1)
  memory|malloc-stats 2 - slow server 4.0.0 - nondeterministic_output,request_policy:all_shards,response_policy:special - Depends on how much memory is allocated, could be slow
  memory|purge 2 - slow server 4.0.0 - request_policy:all_shards,response_policy:all_succeeded - Depends on how much memory is allocated, could be slow
  memory|stats 2 - slow server 4.0.0 - nondeterministic_output,request_policy:all_shards,response_policy:special - O(1)
  memory|usage -3 readonly read,slow server 4.0.0 - - RO@2 O(N) where N is the number of samples.
mget -2 readonly,fast read,string,fast string 1.0.0 - request_policy:multi_shard RO+access@1..-1 O(N) where N is the number of keys to retrieve.
migrate -6 write,movablekeys keyspace,write,slow,dangerous generic 2.6.0 - nondeterministic_output RW+access+delete@3;RW+access+delete+incomplete@KEYS>-2..-1 This command actually executes a DUMP+DEL in the source instance, and a RESTORE in the target instance. See the pages of these commands for time complexity. Also an O(N) data transfer between the two instances is performed.
module -2 - slow server 4.0.0 - - - Depends on subcommand.
  module|help 2 loading,stale slow server 5.0.0 - - - O(1)
  module|list 2 admin,noscript admin,slow,dangerous server 4.0.0 - nondeterministic_output_order - O(N) where N is the number of loaded modules.
  module|load -3 admin,noscript,no_async_loading admin,slow,dangerous server 4.0.0 - - - O(1)
  module|loadex -3 admin,noscript,no_async_loading admin,slow,dangerous server 7.0.0 - - - O(1)
  module|unload 3 admin,noscript,no_async_loading admin,slow,dangerous server 4.0.0 - - - O(1)
monitor 1 admin,noscript,loading,stale admin,slow,dangerous server 1.0.0 - - -
move 3 write,fast keyspace,write,fast generic 1.0.0 - - RW+access+update@1 O(1)
mset -3 write,denyoom write,string,slow string 1.0.1 - request_policy:multi_shard,response_policy:all_succeeded OW+update@1..-1/2 O(N) where N is the number of keys to set.
msetnx -3 write,denyoom write,string,slow string 1.0.1 - request_policy:multi_shard,response_policy:agg_min OW+insert@1..-1/2 O(N) where N is the number of keys to set.
multi 1 noscript,loading,stale,fast,allow_busy fast,transaction transactions 1.2.0 - - - O(1)
object -2 - slow generic 2.2.3 - - - Depends on subcommand.
  object|encoding 3 readonly keyspace,read,slow generic 2.2.3 - nondeterministic_output RO@2 O(1)
  object|freq 3 readonly keyspace,read,slow generic 4.0.0 - nondeterministic_output RO@2 O(1)
  object|help 2 loading,stale keyspace,slow generic 6.2.0 - - - O(1)
  object|idletime 3 readonly keyspace,read,slow generic 2.2.3 - nondeterministic_output RO@2 O(1)
  object|refcount 3 readonly keyspace,read,slow generic 2.2.3 - nondeterministic_output RO@2 O(1)
persist 2 write,fast keyspace,write,fast generic 2.2.0 - - RW+update@1 O(1)
pexpire -3 write,fast keyspace,write,fast generic 2.6.0 - - RW+update@1 O(1)
pexpireat -3 write,fast keyspace,write,fast generic 2.6.0 - - RW+update@1 O(1)
pexpiretime 2 readonly,fast keyspace,read,fast generic 7.0.0 - - RO+access@1 O(1)
pfadd -2 write,denyoom,fast write,hyperloglog,fast hyperloglog 2.8.9 - - RW+insert@1 O(1) to add every element.
pfcount -2 readonly read,hyperloglog,slow hyperloglog 2.8.9 - - RW+access@1..-1 O(1) with a very small average constant time when called with a single key. O(N) with N being the number of keys, and much bigger constant times, when called with multiple keys.
pfdebug 3 write,denyoom,admin write,hyperloglog,admin,slow,dangerous hyperloglog 2.8.9 syscmd - RW+access@2 N/A
pfmerge -2 write,denyoom write,hyperloglog,slow hyperloglog 2.8.9 - - RW+access+insert@1;RO+access@2..-1 O(N) to merge N HyperLogLogs, but with high constant times.
pfselftest 1 admin hyperloglog,admin,slow,dangerous hyperloglog 2.8.9 syscmd - - N/A
ping -1 fast fast,connection connection 1.0.0 - request_policy:all_shards,response_policy:all_succeeded - O(1)
psetex 4 write,denyoom write,string,slow string 2.6.0 - - OW+update@1 O(1)
psubscribe -2 pubsub,noscript,loading,stale pubsub,slow pubsub 2.0.0 - - - O(N) where N is the number of patterns the client is already subscribed to.
psync -3 admin,noscript,no_async_loading,no_multi admin,slow,dangerous server 2.8.0 - - -
pttl 2 readonly,fast keyspace,read,fast generic 2.6.0 - nondeterministic_output RO+access@1 O(1)
publish 3 pubsub,loading,stale,fast pubsub,fast pubsub 2.0.0 - - - O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total number of subscribed patterns (by any client).
pubsub -2 - slow pubsub 2.8.0 - - - Depends on subcommand.
  pubsub|channels -2 pubsub,loading,stale pubsub,slow pubsub 2.8.0 - - - O(N) where N is the number of active channels, and assuming constant time pattern matching (relatively short channels and patterns)
  pubsub|help 2 loading,stale slow pubsub 6.2.0 - - - O(1)
  pubsub|numpat 2 pubsub,loading,stale pubsub,slow pubsub 2.8.0 - - - O(1)
  pubsub|numsub -2 pubsub,loading,stale pubsub,slow pubsub 2.8.0 - - - O(N) for the NUMSUB subcommand, where N is the number of requested channels
  pubsub|shardchannels -2 pubsub,loading,stale pubsub,slow pubsub 7.0.0 - - - O(N) where N is the number of active shard channels, and assuming constant time pattern matching (relatively short shard channels).
  pubsub|shardnumsub -2 pubsub,loading,stale pubsub,slow pubsub 7.0.0 - - - O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels
punsubscribe -1 pubsub,noscript,loading,stale pubsub,slow pubsub 2.0.0 - - - O(N+M) where N is the number of patterns the client is already subscribed and M is the number of total patterns subscribed in the system (by any client).
quit -1 noscript,loading,stale,fast,no_auth,allow_busy fast,connection connection 1.0.0 - - - O(1)
randomkey 1 readonly keyspace,read,slow generic 1.0.0 - request_policy:all_shards,nondeterministic_output - O(1)
readonly 1 loading,stale,fast fast,connection cluster 3.0.0 - - - O(1)
readwrite 1 loading,stale,fast fast,connection cluster 3.0.0 - - - O(1)
rename 3 write keyspace,write,slow generic 1.0.0 - - RW+access+delete@1;OW+update@2 O(1)
renamenx 3 write,fast keyspace,write,fast generic 1.0.0 - - RW+access+delete@1;OW+insert@2 O(1)
replconf -1 admin,noscript,loading,stale,allow_busy admin,slow,dangerous server 3.0.0 syscmd - - O(1)
replicaof 3 admin,noscript,stale,no_async_loading admin,slow,dangerous server 5.0.0 - - - O(1)
reset 1 noscript,loading,stale,fast,no_auth,allow_busy fast,connection connection 6.2.0 - - - O(1)
restore -4 write,denyoom keyspace,write,slow,dangerous generic 2.6.0 - - OW+update@1 O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N is the number of Redis objects composing the value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However for sorted set values the complexity is O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).
restore-asking -4 write,denyoom,asking keyspace,write,slow,dangerous server 3.0.0 syscmd - OW+update@1 O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N is the number of Redis objects composing the value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However for sorted set values the complexity is O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).
role 1 noscript,loading,stale,fast admin,fast,dangerous server 2.8.12 - - - O(1)
rpop -2 write,fast write,list,fast list 1.0.0 - - RW+access+delete@1 O(N) where N is the number of elements returned
rpoplpush 3 write,denyoom write,list,slow list 1.2.0 deprecated:6.2.0 - RW+access+delete@1;RW+insert@2 O(1)
rpush -3 write,denyoom,fast write,list,fast list 1.0.0 - - RW+insert@1 O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.
rpushx -3 write,denyoom,fast write,list,fast list 2.2.0 - - RW+insert@1 O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.
sadd -3 write,denyoom,fast write,set,fast set 1.0.0 - - RW+insert@1 O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.
save 1 admin,noscript,no_async_loading,no_multi admin,slow,dangerous server 1.0.0 - - - O(N) where N is the total number of keys in all databases
scan -2 readonly keyspace,read,slow generic 2.8.0 - nondeterministic_output,request_policy:special - O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.
scard 2 readonly,fast read,set,fast set 1.0.0 - - RO@1 O(1)
script -2 - slow scripting 2.6.0 - - - Depends on subcommand.
  script|debug 3 noscript slow,scripting scripting 3.2.0 - - - O(1)
  script|exists -3 noscript slow,scripting scripting 2.6.0 - request_policy:all_shards,response_policy:agg_logical_and - O(N) with N being the number of scripts to check (so checking a single script is an O(1) operation).
  script|flush -2 noscript slow,scripting scripting 2.6.0 - request_policy:all_nodes,response_policy:all_succeeded - O(N) with N being the number of scripts in cache
  script|help 2 loading,stale slow,scripting scripting 5.0.0 - - - O(1)
  script|kill 2 noscript,allow_busy slow,scripting scripting 2.6.0 - request_policy:all_shards,response_policy:one_succeeded - O(1)
  script|load 3 noscript,stale slow,scripting scripting 2.6.0 - request_policy:all_nodes,response_policy:all_succeeded - O(N) with N being the length in bytes of the script body.
sdiff -2 readonly read,set,slow set 1.0.0 - nondeterministic_output_order RO+access@1..-1 O(N) where N is the total number of elements in all given sets.
sdiffstore -3 write,denyoom write,set,slow set 1.0.0 - - OW+update@1;RO+access@2..-1 O(N) where N is the total number of elements in all given sets.
select 2 loading,stale,fast fast,connection connection 1.0.0 - - - O(1)
set -3 write,denyoom write,string,slow string 1.0.0 - - RW+access+update+variable_flags@1 O(1)
setbit 4 write,denyoom write,bitmap,slow bitmap 2.2.0 - - RW+access+update@1 O(1)
setex 4 write,denyoom write,string,slow string 2.0.0 - - OW+update@1 O(1)
setnx 3 write,denyoom,fast write,string,fast string 1.0.0 - - OW+insert@1 O(1)
setrange 4 write,denyoom write,string,slow string 2.2.0 - - RW+update@1 O(1), not counting the time taken to copy the new string in place. Usually, this string is very small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M being the length of the value argument.
shutdown -1 admin,noscript,loading,stale,no_multi,allow_busy admin,slow,dangerous server 1.0.0 - - - O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)
sinter -2 readonly read,set,slow set 1.0.0 - nondeterministic_output_order RO+access@1..-1 O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.
sintercard -3 readonly,movablekeys read,set,slow set 7.0.0 - - RO+access@1#0+1 O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.
sinterstore -3 write,denyoom write,set,slow set 1.0.0 - - RW+update@1;RO+access@2..-1 O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.
sismember 3 readonly,fast read,set,fast set 1.0.0 - - RO@1 O(1)
slaveof 3 admin,noscript,stale,no_async_loading admin,slow,dangerous server 1.0.0 deprecated:5.0.0 - - O(1)
slowlog -2 - slow server 2.2.12 - - - Depends on subcommand.
  slowlog|get -2 admin,loading,stale admin,slow,dangerous server 2.2.12 - request_policy:all_nodes,nondeterministic_output - O(N) where N is the number of entries returned
  slowlog|help 2 loading,stale slow server 6.2.0 - - - O(1)
  slowlog|len 2 admin,loading,stale admin,slow,dangerous server 2.2.12 - request_policy:all_nodes,response_policy:agg_sum,nondeterministic_output - O(1)
  slowlog|reset 2 admin,loading,stale admin,slow,dangerous server 2.2.12 - request_policy:all_nodes,response_policy:all_succeeded - O(N) where N is the number of entries in the slowlog
smembers 2 readonly read,set,slow set 1.0.0 - nondeterministic_output_order RO+access@1 O(N) where N is the set cardinality.
smismember -3 readonly,fast read,set,fast set 6.2.0 - - RO+access@1 O(N) where N is the number of elements being checked for membership
smove 4 write,fast write,set,fast set 1.0.0 - - RW+access+delete@1;RW+insert@2 O(1)
sort -2 write,denyoom,movablekeys write,set,sortedset,list,slow,dangerous generic 1.0.0 - - RO+access@1;RO+access@?;OW+update@? O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned elements. When the elements are not sorted, complexity is O(N).
sort_ro -2 readonly,movablekeys read,set,sortedset,list,slow,dangerous generic 7.0.0 - - RO+access@1;RO+access@? O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned elements. When the elements are not sorted, complexity is O(N).
spop -2 write,fast write,set,fast set 1.0.0 - nondeterministic_output RW+access+delete@1 Without the count argument O(1), otherwise O(N) where N is the value of the passed count.
spublish 3 pubsub,loading,stale,fast pubsub,fast pubsub 7.0.0 - - not_key@1 O(N) where N is the number of clients subscribed to the receiving shard channel.
srandmember -2 readonly read,set,slow set 1.0.0 - nondeterministic_output RO+access@1 Without the count argument O(1), otherwise O(N) where N is the absolute value of the passed count.
srem -3 write,fast write,set,fast set 1.0.0 - - RW+delete@1 O(N) where N is the number of members to be removed.
sscan -3 readonly read,set,slow set 2.8.0 - nondeterministic_output RO+access@1 O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection..
ssubscribe -2 pubsub,noscript,loading,stale pubsub,slow pubsub 7.0.0 - - not_key@1..-1 O(N) where N is the number of shard channels to subscribe to.
strlen 2 readonly,fast read,string,fast string 2.2.0 - - RO@1 O(1)
subscribe -2 pubsub,noscript,loading,stale pubsub,slow pubsub 2.0.0 - - - O(N) where N is the number of channels to subscribe to.
substr 4 readonly read,string,slow string 1.0.0 deprecated:2.0.0 - RO+access@1 O(N) where N is the length of the returned string. The complexity is ultimately determined by the returned length, but because creating a substring from an existing string is very cheap, it can be considered O(1) for small strings.
sunion -2 readonly read,set,slow set 1.0.0 - nondeterministic_output_order RO+access@1..-1 O(N) where N is the total number of elements in all given sets.
sunionstore -3 write,denyoom write,set,slow set 1.0.0 - - OW+update@1;RO+access@2..-1 O(N) where N is the total number of elements in all given sets.
sunsubscribe -1 pubsub,noscript,loading,stale pubsub,slow pubsub 7.0.0 - - not_key@1..-1 O(N) where N is the number of clients already subscribed to a shard channel.
swapdb 3 write,fast keyspace,write,fast,dangerous server 4.0.0 - - - O(N) where N is the count of clients watching or blocking on keys from both databases.
sync 1 admin,noscript,no_async_loading,no_multi admin,slow,dangerous server 1.0.0 - - -
time 1 loading,stale,fast fast server 2.6.0 - nondeterministic_output - O(1)
touch -2 readonly,fast keyspace,read,fast generic 3.2.1 - request_policy:multi_shard,response_policy:agg_sum RO@1..-1 O(N) where N is the number of keys that will be touched.
ttl 2 readonly,fast keyspace,read,fast generic 1.0.0 - nondeterministic_output RO+access@1 O(1)
type 2 readonly,fast keyspace,read,fast generic 1.0.0 - - RO@1 O(1)
unlink -2 write,fast keyspace,write,fast generic 4.0.0 - request_policy:multi_shard,response_policy:agg_sum RM+delete@1..-1 O(1) for each key removed regardless of its size. Then the command does O(N) work in a different thread in order to reclaim memory, where N is the number of allocations the deleted objects where composed of.
unsubscribe -1 pubsub,noscript,loading,stale pubsub,slow pubsub 2.0.0 - - - O(N) where N is the number of clients already subscribed to a channel.
unwatch 1 noscript,loading,stale,fast,allow_busy fast,transaction transactions 2.2.0 - - - O(1)
wait 3 noscript slow,connection generic 3.0.0 - request_policy:all_shards,response_policy:agg_min - O(1)
watch -2 noscript,loading,stale,fast,allow_busy fast,transaction transactions 2.2.0 - - RO@1..-1 O(1) for every key.
xack -4 write,fast write,stream,fast stream 5.0.0 - - RW+update@1 O(1) for each message ID processed.
xadd -5 write,denyoom,fast write,stream,fast stream 5.0.0 - nondeterministic_output RW+update@1 O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted.
xautoclaim -6 write,fast write,stream,fast stream 6.2.0 - nondeterministic_output RW+delete@1 O(1) if COUNT is small.
xclaim -6 write,fast write,stream,fast stream 5.0.0 - nondeterministic_output RW+update@1 O(log N) with N being the number of messages in the PEL of the consumer group.
xdel -3 write,fast write,stream,fast stream 5.0.0 - - RW+delete@1 O(1) for each single item to delete in the stream, regardless of the stream size.
xgroup -2 - slow stream 5.0.0 - - - Depends on subcommand.
  xgroup|create -5 write,denyoom write,stream,slow stream 5.0.0 - - RW+insert@2 O(1)
  xgroup|createconsumer 5 write,denyoom write,stream,slow stream 6.2.0 - - RW+insert@2 O(1)
  xgroup|delconsumer 5 write write,stream,slow stream 5.0.0 - - RW+delete@2 O(1)
  xgroup|destroy 4 write write,stream,slow stream 5.0.0 - - RW+delete@2 O(N) where N is the number of entries in the group's pending entries list (PEL).
  xgroup|help 2 loading,stale stream,slow stream 5.0.0 - - - O(1)
  xgroup|setid -5 write write,stream,slow stream 5.0.0 - - RW+update@2 O(1)
xinfo -2 - slow stream 5.0.0 - - - Depends on subcommand.
  xinfo|consumers 4 readonly read,stream,slow stream 5.0.0 - nondeterministic_output RO+access@2 O(1)
  xinfo|groups 3 readonly read,stream,slow stream 5.0.0 - - RO+access@2 O(1)
  xinfo|help 2 loading,stale stream,slow stream 5.0.0 - - - O(1)
  xinfo|stream -3 readonly read,stream,slow stream 5.0.0 - - RO+access@2 O(1)
xlen 2 readonly,fast read,stream,fast stream 5.0.0 - - RO@1 O(1)
xpending -3 readonly read,stream,slow stream 5.0.0 - nondeterministic_output RO+access@1 O(N) with N being the number of elements returned, so asking for a small fixed number of entries per call is O(1). O(M), where M is the total number of entries scanned when used with the IDLE filter. When the command returns just the summary and the list of consumers is small, it runs in O(1) time; otherwise, an additional O(N) time for iterating every consumer.
xrange -4 readonly read,stream,slow stream 5.0.0 - - RO+access@1 O(N) with N being the number of elements being returned. If N is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1).
xread -4 readonly,blocking,movablekeys read,stream,slow,blocking stream 5.0.0 - - RO+access@STREAMS>1..-1%2 For each stream mentioned: O(N) with N being the number of elements being returned, it means that XREAD-ing with a fixed COUNT is O(1). Note that when the BLOCK option is used, XADD will pay O(M) time in order to serve the M clients blocked on the stream getting new data.
xreadgroup -7 write,blocking,movablekeys write,stream,slow,blocking stream 5.0.0 - - RO+access@STREAMS>4..-1%2 For each stream mentioned: O(M) with M being the number of elements returned. If M is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1). On the other side when XREADGROUP blocks, XADD will pay the O(N) time in order to serve the N clients blocked on the stream getting new data.
xrevrange -4 readonly read,stream,slow stream 5.0.0 - - RO+access@1 O(N) with N being the number of elements returned. If N is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1).
xsetid -3 write,denyoom,fast write,stream,fast stream 5.0.0 - - RW+update@1 O(1)
xtrim -4 write write,stream,slow stream 5.0.0 - nondeterministic_output RW+delete@1 O(N), with N being the number of evicted entries. Constant times are very small however, since entries are organized in macro nodes containing multiple entries that can be released with a single deallocation.
zadd -4 write,denyoom,fast write,sortedset,fast sorted-set 1.2.0 - - RW+update@1 O(log(N)) for each item added, where N is the number of elements in the sorted set.
zcard 2 readonly,fast read,sortedset,fast sorted-set 1.2.0 - - RO@1 O(1)
zcount 4 readonly,fast read,sortedset,fast sorted-set 2.0.0 - - RO+access@1 O(log(N)) with N being the number of elements in the sorted set.
zdiff -3 readonly,movablekeys read,sortedset,slow sorted-set 6.2.0 - - RO+access@1#0+1 O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the first set, and K is the size of the result set.
zdiffstore -4 write,denyoom,movablekeys write,sortedset,slow sorted-set 6.2.0 - - OW+update@1;RO+access@2#0+1 O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the first set, and K is the size of the result set.
zincrby 4 write,denyoom,fast write,sortedset,fast sorted-set 1.2.0 - - RW+access+update@1 O(log(N)) where N is the number of elements in the sorted set.
zinter -3 readonly,movablekeys read,sortedset,slow sorted-set 6.2.0 - - RO+access@1#0+1 O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted sets and M being the number of elements in the resulting sorted set.
zintercard -3 readonly,movablekeys read,sortedset,slow sorted-set 7.0.0 - - RO+access@1#0+1 O(N*K) worst case with N being the smallest input sorted set, K being the number of input sorted sets.
zinterstore -4 write,denyoom,movablekeys write,sortedset,slow sorted-set 2.0.0 - - OW+update@1;RO+access@2#0+1 O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted sets and M being the number of elements in the resulting sorted set.
zlexcount 4 readonly,fast read,sortedset,fast sorted-set 2.8.9 - - RO+access@1 O(log(N)) with N being the number of elements in the sorted set.
zmpop -4 write,movablekeys write,sortedset,slow sorted-set 7.0.0 - - RW+access+delete@1#0+1 O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, and M being the number of elements popped.
zmscore -3 readonly,fast read,sortedset,fast sorted-set 6.2.0 - - RO+access@1 O(N) where N is the number of members being requested.
zpopmax -2 write,fast write,sortedset,fast sorted-set 5.0.0 - - RW+access+delete@1 O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped.
zpopmin -2 write,fast write,sortedset,fast sorted-set 5.0.0 - - RW+access+delete@1 O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped.
zrandmember -2 readonly read,sortedset,slow sorted-set 6.2.0 - nondeterministic_output RO+access@1 O(N) where N is the number of elements returned
zrange -4 readonly read,sortedset,slow sorted-set 1.2.0 - - RO+access@1 O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned.
zrangebylex -4 readonly read,sortedset,slow sorted-set 2.8.9 deprecated:6.2.0 - RO+access@1 O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).
zrangebyscore -4 readonly read,sortedset,slow sorted-set 1.0.5 deprecated:6.2.0 - RO+access@1 O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).
zrangestore -5 write,denyoom write,sortedset,slow sorted-set 6.2.0 - - OW+update@1;RO+access@2 O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements stored into the destination key.
zrank 3 readonly,fast read,sortedset,fast sorted-set 2.0.0 - - RO+access@1 O(log(N))
zrem -3 write,fast write,sortedset,fast sorted-set 1.2.0 - - RW+delete@1 O(M*log(N)) with N being the number of elements in the sorted set and M the number of elements to be removed.
zremrangebylex 4 write write,sortedset,slow sorted-set 2.8.9 - - RW+delete@1 O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation.
zremrangebyrank 4 write write,sortedset,slow sorted-set 2.0.0 - - RW+delete@1 O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation.
zremrangebyscore 4 write write,sortedset,slow sorted-set 1.2.0 - - RW+delete@1 O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation.
zrevrange -4 readonly read,sortedset,slow sorted-set 1.2.0 deprecated:6.2.0 - RO+access@1 O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned.
zrevrangebylex -4 readonly read,sortedset,slow sorted-set 2.8.9 deprecated:6.2.0 - RO+access@1 O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).
zrevrangebyscore -4 readonly read,sortedset,slow sorted-set 2.2.0 deprecated:6.2.0 - RO+access@1 O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).
zrevrank 3 readonly,fast read,sortedset,fast sorted-set 2.0.0 - - RO+access@1 O(log(N))
zscan -3 readonly read,sortedset,slow sorted-set 2.8.0 - nondeterministic_output RO+access@1 O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection..
zscore 3 readonly,fast read,sortedset,fast sorted-set 1.2.0 - - RO+access@1 O(1)
zunion -3 readonly,movablekeys read,sortedset,slow sorted-set 6.2.0 - - RO+access@1#0+1 O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set.
zunionstore -4 write,denyoom,movablekeys write,sortedset,slow sorted-set 2.0.0 - - OW+update@1;RO+access@2#0+1 O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set.
`;

/** Notes of Redis at some key specifications. */
export const redisKeyNotes: string = `
bitfield 0 This command allows both access and modification of the key
eval 0 We cannot tell how the keys will be used so we assume the worst, RW and UPDATE
eval_ro 0 We cannot tell how the keys will be used so we assume the worst, RO and ACCESS
fcall 0 We cannot tell how the keys will be used so we assume the worst, RW and UPDATE
fcall_ro 0 We cannot tell how the keys will be used so we assume the worst, RO and ACCESS
getex 0 RW and UPDATE because it changes the TTL
pfcount 0 RW because it may change the internal representation of the key, and propagate to replicas
set 0 RW and ACCESS due to the optional \`GET\` argument
sort 1 For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort
sort 2 For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array
sort_ro 1 For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort
xadd 0 UPDATE instead of INSERT because of the optional trimming feature
`;
