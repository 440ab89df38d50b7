/** What Redis says, in words for the operator: which can be tried again, what to do, and nothing of what was sent. */
import { expect, test } from 'vitest'
import { refusal, trouble } from '../../src/redis/errors.ts'
import { ServerError } from '../../src/redis/reply.ts'
import { containing } from '../support/text-matchers.ts'

const AGAIN = 'ONLINE_UNAVAILABLE'
const STOP = 'ONLINE_REFUSED'

test.each([
  ['LOADING Redis is loading the dataset in memory', AGAIN, 'loads'],
  ["READONLY You can't write against a read only replica.", AGAIN, 'replica'],
  ['CLUSTERDOWN The cluster is down', AGAIN, 'lacks masters'],
  ['CLUSTERDOWN Hash slot not served', AGAIN, 'lacks masters'],
  ['TRYAGAIN Multiple keys request during rehashing of slot', AGAIN, 'slots'],
  [
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    AGAIN,
    'away',
  ],
  ['BUSY Redis is busy running a script. You can only call SCRIPT KILL', AGAIN, 'SCRIPT KILL'],
  ['MISCONF Redis is configured to save RDB snapshots', AGAIN, 'disk'],
  ['NOREPLICAS Not enough good replicas to write.', AGAIN, 'min-replicas-to-write'],
  ['ERR max number of clients reached', AGAIN, 'maxclients'],
  ["OOM command not allowed when used memory > 'maxmemory'.", STOP, 'raise maxmemory'],
  ["NOPERM this user has no permissions to run the 'evalsha' command", STOP, 'doctor'],
  ['NOAUTH Authentication required.', STOP, 'password'],
  ['WRONGPASS invalid username-password pair or user is disabled.', STOP, 'password'],
  ['WRONGTYPE Operation against a key holding the wrong kind of value', STOP, 'prefix'],
  ['ERR This instance has cluster support disabled', STOP, 'Cluster'],
  ["ERR unknown command 'EVALSHA', with args beginning with: 'abc' 'user:42'", STOP, '6.2'],
  [
    "ERR Error running script (call to f_0a1b): @user_script:14: @user_script: 14: -OOM command not allowed when used memory > 'maxmemory'.",
    STOP,
    'raise maxmemory',
  ],
  [
    "ERR Error running script (call to f_0a1b): @user_script:9: @user_script: 9: The user executing the script can't run this command or subcommand",
    STOP,
    'doctor',
  ],
  ['ERR DB index is out of range', STOP, 'URL'],
  ['ERR something never heard of', STOP, 'log of the server'],
])('%s', (message, code, advice) => {
  const error = refusal(new ServerError(message), '10.0.0.7:6379')
  expect(error).toMatchObject({ code, message: containing(advice) })
  expect(error.message).toContain('Redis 10.0.0.7:6379')
  expect(error.message).not.toContain('user:42')
})

test.each([
  ['connect ECONNREFUSED 127.0.0.1:6379', AGAIN, 'start it'],
  ['getaddrinfo ENOTFOUND redis.nowhere', AGAIN, 'name service'],
  ['connect ETIMEDOUT', AGAIN, 'firewall'],
  ['read ECONNRESET', AGAIN, 'connection ended'],
  ['Connection is closed.', AGAIN, 'TLS'],
  ['All sentinels are unreachable and retry is disabled.', AGAIN, 'name of the master'],
  ['self-signed certificate in certificate chain', STOP, 'tls.ca'],
  ["Hostname/IP does not match certificate's altnames: Host: a", STOP, 'name in the certificate'],
  ['unable to get local issuer certificate', STOP, 'tls.ca'],
  ['error:0A00010B:SSL routines:ssl3_get_record:wrong version number', STOP, 'does not speak TLS'],
  [
    'error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required',
    STOP,
    'tls.key',
  ],
  ['WRONGPASS invalid username-password pair or user is disabled.', STOP, 'password'],
  ['LOADING Redis is loading the dataset in memory', AGAIN, 'loads'],
])('%s', (message, code, advice) => {
  expect(trouble(message, 'h:1')).toMatchObject({ code, message: containing(advice) })
})
