/** `s3` and `checkpoints` in the pipeline file: the object store, and what outlives this machine. */
import * as z from 'zod'
import * as keys from './keys.ts'

const ENDPOINT_RULE = 'the URL of a server, such as `http://127.0.0.1:9000`'

export const s3 = z.strictObject({
  endpoint: keys
    .text(ENDPOINT_RULE)
    .optional()
    .describe(
      'URL of an S3-compatible server that honours `If-None-Match` (docs/operate.md). Default: AWS, or `AWS_ENDPOINT_URL`.',
    ),
  region: keys
    .text('the name of a region such as `eu-central-1`')
    .optional()
    .describe("Default: `AWS_REGION`, then the profile's; `us-east-1` beside an endpoint."),
  pathStyle: keys
    .flag()
    .optional()
    .describe(
      'Name the bucket in the path instead of the host name. Default: true beside `endpoint`, else false.',
    ),
})

export const checkpoints = z.strictObject({
  store: keys.location.describe(
    'Where they are kept: a directory that other machines see, or `s3://BUCKET/PREFIX`. Of this pipeline alone.',
  ),
  every: keys.duration.prefault('10m').describe('How often one is made of each partition.'),
  keep: keys
    .integer(1, 1000)
    .prefault(3)
    .describe('How many of the newest are kept of each partition, however old.'),
  keepFor: keys.duration.prefault('24h').describe('Younger ones are kept too.'),
})
