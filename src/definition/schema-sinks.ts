/** `sinks` in the pipeline file: where values are served from, and the tables. */
import * as z from 'zod'
import * as keys from './keys.ts'
import { addresses, password, tls, username } from './schema-connection.ts'

const url = keys.text('a URL such as `redis://127.0.0.1:6379`')

const redis = z.union(
  [
    url,
    z.strictObject({
      url: url
        .optional()
        .describe(
          'One server: `redis://HOST:PORT/DB`, or `rediss://` for TLS; may carry user and password.',
        ),
      sentinels: addresses('127.0.0.1:26379')
        .optional()
        .describe(
          'Sentinels that know the server, `host:port`, several separated by commas or as a list.',
        ),
      master: keys
        .text('the name of a master')
        .optional()
        .describe('Name under which the sentinels watch the server.'),
      cluster: addresses('127.0.0.1:7000')
        .optional()
        .describe('Some nodes of a cluster, `host:port`; the others are found.'),
      username: username.optional().describe('User of the data servers (ACL).'),
      password: password.optional(),
      tls: tls.optional().describe('TLS to the servers.'),
    }),
  ],
  {
    error:
      'a URL such as `redis://127.0.0.1:6379`, or `{ url }`, `{ sentinels, master }`, `{ cluster }`',
  },
)

export const sinks = z.strictObject({
  online: z
    .strictObject({
      leveldb: keys
        .place('a directory')
        .optional()
        .describe('Embedded online store in this directory.'),
      redis: redis
        .optional()
        .describe(
          'Redis >= 6.2: the URL of a server, or exactly one of `url`, `sentinels` with `master`, and `cluster`.',
        ),
      prefix: z
        .string({ error: 'a text' })
        .prefault('')
        .describe('Put before the keys of all values, to share a store between tenants.'),
      scanRate: keys
        .integer(1, 1_000_000)
        .optional()
        .describe(
          'Values per second that a sweep, a rebuild or a hand-over writes beside live traffic, per partition; 20000 by default.',
        ),
    })
    .optional()
    .describe('Where values are served from: exactly one of `leveldb` and `redis`.'),
  offline: z
    .strictObject({
      delta: keys.location.describe(
        'Where the Delta tables are, one per view version: a directory or `s3://BUCKET/PREFIX`.',
      ),
      slots: keys
        .integer(1, 256)
        .prefault(4)
        .describe('Hash slots that a day of a partition is split into. Fixed for a generation.'),
      correctionsEvery: keys.duration
        .prefault('15m')
        .describe('How often late corrections are written to the tables.'),
    })
    .optional()
    .describe('The tables.'),
})
