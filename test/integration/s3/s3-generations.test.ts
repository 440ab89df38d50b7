/**
 * A time policy that changes where everything is in a bucket: tables, checkpoints, and the states that generations hand over. Planned, run,
 * compared, published, taken back; and the machine of the consumer is lost in between. All sinks are what the oracle says.
 */
import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { s3Obstacle } from '../../../servers/s3.ts'
import { newBucket } from '../../support/bucket.ts'
import { sharedRedis } from '../../support/servers.ts'
import { lateRecord, TopicShop } from '../replay/topic-shop.ts'
import type { ShopPipeline } from '../replay/topic-shop.ts'

const EVENTS_A_DAY = 24
const obstacle = await s3Obstacle()

describe.skipIf(obstacle !== undefined)(`generations in S3 ${obstacle ?? ''}`, () => {
  let shop: TopicShop

  beforeAll(async () => {
    shop = await TopicShop.create('bucketed')
    const { bucket, endpoint } = await newBucket()
    const { url: redis } = await sharedRedis()
    const pipeline: Omit<ShopPipeline, 'allowedLateness'> = {
      windows: ['1d', '3d'],
      id: 'id',
      sinks: { online: { redis }, offline: { delta: `s3://${bucket}/features` } },
      more: {
        s3: { endpoint },
        checkpoints: { store: `s3://${bucket}/checkpoints` },
        rejects: { files: './rejects', limit: '50%' },
      },
    }
    shop.writePipeline({ ...pipeline, allowedLateness: '12h' }, 'old.yaml')
    // What came too late counts.
    shop.writePipeline({ ...pipeline, allowedLateness: '48h' }, 'new.yaml')
  })

  afterAll(() => shop[Symbol.asyncDispose]())

  function produce(days: number): Promise<void> {
    return shop.produce(days * EVENTS_A_DAY, (partition, offset) =>
      lateRecord(partition, offset, EVENTS_A_DAY),
    )
  }

  async function runToEnd(file: string): Promise<void> {
    await shop.json('run', '--until-end', '-f', file)
    await shop.expectSinks({ file })
  }

  /** Of the consumer: all that is not in the bucket. */
  function loseMachine(): void {
    rmSync(shop.path('state'), { recursive: true })
  }

  test('a replay is planned, run, compared, published and taken back, and machines are lost in between', async () => {
    const old = ['-f', 'old.yaml']
    const changed = ['-f', 'new.yaml']
    await produce(8)
    await runToEnd('old.yaml')

    const { id, handsOver } = await shop.planned(...changed)
    expect(handsOver).toBe(true)
    const { partitions } = await shop.ran(id, ...changed)
    expect(partitions.map(({ checkpoint }) => typeof checkpoint)).toEqual(['string', 'string'])
    const days = { first: '2026-01-01', last: '2026-01-07' }
    expect(await shop.stagedDifferences(id, days, 'new.yaml')).toBe('')
    const diff = await shop.run('replay', 'diff', id, '--json', ...changed)
    expect(diff.code, diff.stderr).toBe(1)
    expect(JSON.parse(diff.stdout)).toMatchObject({
      equal: false,
      views: [{ rows: { added: 0, removed: 0 } }],
    })

    await shop.json('replay', 'publish', id, '--yes', ...changed)
    loseMachine()
    await produce(1)
    await runToEnd('new.yaml')
    loseMachine()

    const back = ['replay', 'rollback', '--reason', 'changed my mind', '--yes']
    expect(await shop.json(...back, ...old)).toMatchObject({ outcome: 'rolled back', replay: id })
    await produce(1)
    await runToEnd('old.yaml')
    // Local copies of files are gone when a command ends.
    expect(await shop.things(['state/tidemark-s3'], () => false)).toMatchObject([[], {}])
  })
})
