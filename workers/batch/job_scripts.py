"""The Lua scripts of a job: each change of its state is one, so that it happens wholly or not at all.

Keys of a job share the hash tag {ID}, so that they lie on one node of a cluster:

    kz:q:{ID}:job     hash: user, status, counts, times, the job's record
    kz:q:{ID}:rows    stream of the rows that have no end; in its group `rows`, a pending entry is a row in the hands
                      of a worker, its delivery count the fencing token, its idle time the age of the lease
    kz:q:{ID}:ends    hash: row number -> place among the ends, and the end's record
    kz:q:{ID}:order   list of row numbers in the order in which they ended
    kz:q:{ID}:again   hash: row number -> the row, of rows that failed and may be tried again

A row leaves the stream in the script that writes its end. Writing commands that need memory come first in each script:
a server that is full refuses the whole script and changes nothing.
"""

GROUP = "rows"
"""The consumer group of every job's stream."""

_COMMON = """
local job, rows, ends, order, again = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local function seconds() return tonumber(redis.call('TIME')[1]) end
local function become(status)
  redis.call('HSET', job, 'status', status, 't:' .. status, seconds())
end
local function count(name) return tonumber(redis.call('HGET', job, name) or 0) end
local function ended() return count('completed') + count('failed') + count('cancelled') + count('expired') end
local function put(number, outcome, record)
  if redis.call('HEXISTS', ends, number) == 1 then return false end
  redis.call('HSET', ends, number, redis.call('RPUSH', order, number) .. ' ' .. record)
  redis.call('HINCRBY', job, outcome, 1)
  return true
end
local function settle()
  local status = redis.call('HGET', job, 'status')
  if (status ~= 'in_progress' and status ~= 'cancelling') or ended() < count('total') then return status end
  local final = 'completed'
  if status == 'cancelling' then final = 'cancelled' elseif count('expired') > 0 then final = 'expired' end
  become(final)
  for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, redis.call('HGET', job, 'keep')) end
  return final
end
local function held(entry, owner, token)
  if redis.call('EXISTS', rows) == 0 then return false end
  local found = redis.call('XPENDING', rows, 'rows', entry, entry, 1)[1]
  return found and found[2] == owner and found[4] == tonumber(token)
end
"""

# ARGV: the job's record, user, seconds that it is kept when it has ended, payload version, when it expires, when it may
# begin, seconds of its window
CREATE = (
    _COMMON
    + """
if redis.call('EXISTS', job) == 1 then return 0 end
redis.call('HSET', job, 'record', ARGV[1], 'user', ARGV[2], 'keep', ARGV[3], 'version', ARGV[4], 'expires', ARGV[5],
           'not_before', ARGV[6], 'window', ARGV[7], 'touched', seconds())
become('validating')
redis.call('XGROUP', 'CREATE', rows, 'rows', '0', 'MKSTREAM')
return 1
"""
)

# ARGV: number, custom_id, body of each row. Numbers grow; those that were added before are passed by.
ADD_ROWS = (
    _COMMON
    + """
if redis.call('HGET', job, 'status') ~= 'validating' then return 0 end
redis.call('HSET', job, 'touched', seconds())
local last = tonumber(redis.call('HGET', job, 'last') or -1)
for i = 1, #ARGV, 3 do
  local number = tonumber(ARGV[i])
  if number > last then
    redis.call('XADD', rows, (number + 1) .. '-0', 'n', ARGV[i], 'c', ARGV[i + 1], 'b', ARGV[i + 2])
    redis.call('HSET', job, 'last', number)
    redis.call('HINCRBY', job, 'total', 1)
    last = number
  end
end
return 1
"""
)

# ARGV: number, the end's record
REJECT_ROW = (
    _COMMON
    + """
if redis.call('HGET', job, 'status') ~= 'validating' then return 0 end
redis.call('HSET', job, 'touched', seconds())
if put(ARGV[1], 'failed', ARGV[2]) then redis.call('HINCRBY', job, 'total', 1) end
return 1
"""
)

START = (
    _COMMON
    + """
local status = redis.call('HGET', job, 'status')
if status ~= 'validating' then return status end
become('in_progress')
return settle()
"""
)

# ARGV: reason, errors; the third, where it is there: only a job that nobody has touched for so many seconds
FAIL = (
    _COMMON
    + """
if redis.call('HGET', job, 'status') ~= 'validating' then return 0 end
if ARGV[3] and seconds() - count('touched') < tonumber(ARGV[3]) then return 0 end
redis.call('HSET', job, 'reason', ARGV[1], 'errors', ARGV[2])
become('failed')
redis.call('DEL', rows, again)
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, redis.call('HGET', job, 'keep')) end
return 1
"""
)

# ARGV: cancelled or expired, reason. What runs is stopped by its workers, the rest is swept.
STOP = (
    _COMMON
    + """
local status = redis.call('HGET', job, 'status')
if status ~= 'validating' and status ~= 'in_progress' then return status end
redis.call('HSET', job, 'ending', ARGV[1], 'reason', ARGV[2])
if status == 'validating' then become('in_progress') end
if ARGV[1] == 'cancelled' then become('cancelling') end
return settle()
"""
)

# ARGV: owner, how many, what stands in a record before the number, between it and the custom_id, and behind.
SWEEP = (
    _COMMON
    + """
local ending = redis.call('HGET', job, 'ending')
if not ending then return 0 end
local read = redis.call('XREADGROUP', 'GROUP', 'rows', ARGV[1], 'COUNT', ARGV[2], 'STREAMS', rows, '>')
local entries = read and read[1] and read[1][2] or {}
for _, entry in ipairs(entries) do
  local number, custom_id = entry[2][2], cjson.encode(entry[2][4])
  put(number, ending, ARGV[3] .. number .. ARGV[4] .. custom_id .. ARGV[5])
  redis.call('XACK', rows, 'rows', entry[1])
  redis.call('XDEL', rows, entry[1])
end
settle()
return #entries
"""
)

# ARGV: the numbers of failed rows, ascending
RETRY = (
    _COMMON
    + """
local status = redis.call('HGET', job, 'status')
if status == 'validating' or status == 'failed' or status == 'cancelling' then return -1 end
local piece, moved = redis.call('HINCRBY', job, 'generation', 1), 0
for _, number in ipairs(ARGV) do
  local kept = redis.call('HGET', again, number)
  if kept then
    local length, rest = kept:match('^(%d+):()')
    local custom_id, body = kept:sub(rest, rest + length - 1), kept:sub(rest + length)
    local entry = string.format('%.0f-0', piece * 1000000000 + number + 1)
    redis.call('XADD', rows, entry, 'n', number, 'c', custom_id, 'b', body)
    redis.call('HDEL', ends, number)
    redis.call('HDEL', again, number)
    redis.call('HINCRBY', job, 'failed', -1)
    moved = moved + 1
  end
end
if moved > 0 then
  for _, key in ipairs(KEYS) do redis.call('PERSIST', key) end
  redis.call('HDEL', job, 'ending', 'reason')
  redis.call('HSET', job, 'expires', seconds() + tonumber(redis.call('HGET', job, 'window') or 86400))
  if status ~= 'in_progress' then become('in_progress') end
end
return moved
"""
)

# --- for workers -------------------------------------------------------------

# ARGV: owner, how many rows, the newest payload version that is known
TAKE = (
    _COMMON
    + """
local found = redis.call('HMGET', job, 'status', 'ending', 'version', 'not_before')
if found[1] ~= 'in_progress' or found[2] or tonumber(found[3]) > tonumber(ARGV[3]) then return {} end
if tonumber(found[4] or 0) > seconds() then return {} end
local read = redis.call('XREADGROUP', 'GROUP', 'rows', ARGV[1], 'COUNT', ARGV[2], 'STREAMS', rows, '>')
return read and read[1] and read[1][2] or {}
"""
)

# ARGV: owner, least and greatest age of a lease in milliseconds, how many rows, deliveries at which a row is given up
# Two lists: rows that are now the owner's {entry, fields, token}, and dead ones {entry, fields, token, last owner}.
RECLAIM = (
    _COMMON
    + """
local ours, dead = {}, {}
if redis.call('EXISTS', rows) == 0 then return {ours, dead} end
local pending = redis.call('XPENDING', rows, 'rows', 'IDLE', ARGV[2], '-', '+', 100)
for _, each in ipairs(pending) do
  local entry, owner, deliveries = each[1], each[2], each[4]
  local found = redis.call('XRANGE', rows, entry, entry)[1]
  if not found then redis.call('XACK', rows, 'rows', entry)
  elseif each[3] > tonumber(ARGV[3]) then -- released, and not asked for
  elseif deliveries >= tonumber(ARGV[5]) then dead[#dead + 1] = {entry, found[2], deliveries, owner}
  elseif #ours < tonumber(ARGV[4]) then
    redis.call('XCLAIM', rows, 'rows', ARGV[1], ARGV[2], entry)
    ours[#ours + 1] = {entry, found[2], deliveries + 1}
  end
end
return {ours, dead}
"""
)

# ARGV: owner, then entry and token of each row in its hands. The entries that are not its own any more, and why all
# others shall be stopped ("" for not at all). The leases of the others begin anew.
RENEW = (
    _COMMON
    + """
local lost = {}
for i = 2, #ARGV, 2 do
  if held(ARGV[i], ARGV[1], ARGV[i + 1]) then redis.call('XCLAIM', rows, 'rows', ARGV[1], 0, ARGV[i], 'JUSTID')
  else lost[#lost + 1] = ARGV[i] end
end
return {lost, redis.call('HGET', job, 'ending') or ''}
"""
)

# ARGV: owner, entry, token, who shall have it, its lease's age in milliseconds. This delivery is not counted.
HAND_OVER = (
    _COMMON
    + """
if not held(ARGV[2], ARGV[1], ARGV[3]) then return 0 end
redis.call('XCLAIM', rows, 'rows', ARGV[4], 0, ARGV[2], 'IDLE', ARGV[5], 'RETRYCOUNT', ARGV[3] - 1, 'JUSTID')
return 1
"""
)

# ARGV: owner, entry, lease in milliseconds. The row {fields, token} that nobody holds, {} when somebody does.
CLAIM = (
    _COMMON
    + """
if redis.call('EXISTS', rows) == 0 or redis.call('HGET', job, 'ending') then return {} end
local found = redis.call('XPENDING', rows, 'rows', ARGV[2], ARGV[2], 1)[1]
if not found or (found[2] ~= '-queue-' and found[3] < tonumber(ARGV[3])) then return {} end
local claimed = redis.call('XCLAIM', rows, 'rows', ARGV[1], 0, ARGV[2])[1]
if not claimed then return {} end
return {claimed[2], found[4] + 1}
"""
)

# ARGV: owner, entry, token
LAY_ASIDE = (
    _COMMON
    + """
if not held(ARGV[2], ARGV[1], ARGV[3]) then return 0 end
local fields = redis.call('XRANGE', rows, ARGV[2], ARGV[2])[1][2]
redis.call('XADD', again, 'MAXLEN', 1000, '*', unpack(fields))
redis.call('XACK', rows, 'rows', ARGV[2])
redis.call('XDEL', rows, ARGV[2])
return 1
"""
)

# ARGV: owner, entry, token
DROP = (
    _COMMON
    + """
if not held(ARGV[2], ARGV[1], ARGV[3]) then return 0 end
redis.call('XACK', rows, 'rows', ARGV[2])
redis.call('XDEL', rows, ARGV[2])
return 1
"""
)

# ARGV: owner, entry, token, number, outcome, the end's record, prompt tokens, completion tokens, cost (millionths)
FINISH = (
    _COMMON
    + """
local owner, entry, token, number, outcome, record = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if not held(entry, owner, token) then return {'refused'} end
if outcome == 'failed' then
  local fields = redis.call('XRANGE', rows, entry, entry)[1][2]
  redis.call('HSET', again, number, #fields[4] .. ':' .. fields[4] .. fields[6])
end
put(number, outcome, record)
redis.call('HINCRBY', job, 'prompt_tokens', ARGV[7])
redis.call('HINCRBY', job, 'completion_tokens', ARGV[8])
redis.call('HINCRBY', job, 'cost', ARGV[9])
redis.call('XACK', rows, 'rows', entry)
redis.call('XDEL', rows, entry)
return {settle(), count('prompt_tokens') + count('completion_tokens'), count('cost')}
"""
)

# ARGV: number, the end's record, of a row that the store has lost. Counts are set by what is there.
LOST_ROW = (
    _COMMON
    + """
if redis.call('EXISTS', job) == 0 or redis.call('XLEN', rows) > 0 then return 0 end
put(ARGV[1], 'failed', ARGV[2])
return settle()
"""
)
