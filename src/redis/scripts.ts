/**
 * The two steps that must be one on the server, in Lua: the versioned write and the marker's advance. Loaded by the first call
 * that a server answers with NOSCRIPT, so also after a restart or failover.
 *
 * Numbers are doubles there as here: exact up to 2^53. Rules: docs/semantics.md, versions; src/engine/ports.ts, markers.
 */
import { createHash } from 'node:crypto'

export interface Script {
  readonly sha: string
  readonly lua: string
}

/** Arguments of one HSET: Lua unpacks fewer than 8,000. */
const ARGUMENTS_MAX = 2_000

/**
 * KEYS: one per value. ARGV, value after value: generation, offset, day, partition, time to live in ms, count of what follows; then fields
 * and texts by turns. Answers how many were written and, for each value that another
 * partition holds, its number (from 1) and the holder.
 *
 * HSET comes before anything else that writes: only the first write of a script is refused when memory is full, and a
 * value must not be deleted to make room for nothing. A hash that then has more fields than the value (a feature became
 * null, or left the definition) is made anew.
 */
const WRITE_LUA = `
local answer, at = {0}, 1
for n = 1, #KEYS do
  local key, size = KEYS[n], tonumber(ARGV[at + 5])
  local from, to = at + 6, at + 5 + size
  local held = redis.call('HMGET', key, '_version', '_partition')
  local order, foreign = 1, false
  if held[1] then
    local generation, offset, day = string.match(held[1], '^(%d+)%.(-?%d+)%.(-?%d+)$')
    if generation then
      order = tonumber(ARGV[at]) - tonumber(generation)
      if order == 0 then
        local partition, holder = tonumber(ARGV[at + 3]), tonumber(held[2])
        if partition > holder then
          foreign = true
        elseif partition < holder then
          order = 1
        else
          order = tonumber(ARGV[at + 1]) - tonumber(offset)
          if order == 0 then order = tonumber(ARGV[at + 2]) - tonumber(day) end
        end
      end
    end
  end
  if foreign then
    answer[#answer + 1] = n
    answer[#answer + 1] = tonumber(held[2])
  elseif order > 0 then
    for first = from, to, ${ARGUMENTS_MAX} do
      redis.call('HSET', key, unpack(ARGV, first, math.min(first + ${ARGUMENTS_MAX - 1}, to)))
    end
    if redis.call('HLEN', key) * 2 ~= size then
      redis.call('DEL', key)
      for first = from, to, ${ARGUMENTS_MAX} do
        redis.call('HSET', key, unpack(ARGV, first, math.min(first + ${ARGUMENTS_MAX - 1}, to)))
      end
    end
    redis.call('PEXPIRE', key, ARGV[at + 4])
    answer[1] = answer[1] + 1
  elseif order == 0 then
    redis.call('PEXPIRE', key, ARGV[at + 4])
  end
  at = to + 1
end
return answer`

/**
 * KEYS: the marker. ARGV: generation, position, day, scan id or ''; generation, position, day of the one expected or '' for
 * each; the server's history or ''. Answers the outcome, the history, and what is stored (nil: nothing).
 *
 * The history is the server's replication id: a master that starts, or takes over, begins a new one and never an old one again. So as long
 * as it is the same, no write that this master acknowledged is gone.
 */
const ADVANCE_LUA = `
local key = KEYS[1]
local history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or ''
local held = redis.call('HMGET', key, 'generation', 'position', 'day', 'scan')
local function order(from)
  for i = 1, 3 do
    local difference = tonumber(held[i]) - tonumber(ARGV[from + i - 1])
    if difference ~= 0 then return difference end
  end
  return 0
end
local outcome = 'advanced'
if ARGV[8] ~= '' and ARGV[8] ~= history then
  outcome = 'lost'
elseif ARGV[5] ~= '' and (not held[1] or order(5) < 0) then
  outcome = 'lost'
elseif held[1] and order(1) > 0 then
  outcome = 'ahead'
else
  redis.call('HSET', key, 'generation', ARGV[1], 'position', ARGV[2], 'day', ARGV[3])
  if ARGV[4] ~= '' then
    redis.call('HSET', key, 'scan', ARGV[4])
  else
    redis.call('HDEL', key, 'scan')
  end
  held = redis.call('HMGET', key, 'generation', 'position', 'day', 'scan')
end
return {outcome, history, held[1], held[2], held[3], held[4]}`

function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}

export const WRITE = script(WRITE_LUA)
export const ADVANCE = script(ADVANCE_LUA)
export const SCRIPTS: readonly Script[] = [WRITE, ADVANCE]
