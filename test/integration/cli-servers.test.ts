/** The command line on a real topic and a real Redis: from `init` to `late list`, what the doctor finds, and servers that are away. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startKafka } from '../../servers/kafka.ts'
import type { KafkaServer } from '../../servers/kafka.ts'
import { startRedis } from '../../servers/redis.ts'
import type { RedisServer } from '../../servers/redis.ts'
import type { Finding } from '../../src/cli/finding.ts'
import { CliDirectory } from '../support/cli-process.ts'
import type { Ended } from '../support/cli-process.ts'
import { fillSampleTopic } from '../support/sample-topic.ts'
import { ServerDirectory, uniqueName } from '../support/servers.ts'
import { KafkaClients } from './kafka/kafka-topic.ts'

const UNREACHABLE = '127.0.0.1:1'

function json(ended: Ended): unknown {
  return JSON.parse(ended.stdout)
}

/** The servers are ours: their rights and settings are part of what is tested. */
const directory = new ServerDirectory()
let kafka: KafkaServer
let redis: RedisServer
let clients: KafkaClients

beforeAll(async () => {
  ;[kafka, redis] = await Promise.all([
    startKafka({ directory: directory.path, secure: true }),
    startRedis({ directory: directory.path, acl: true }),
  ])
  clients = new KafkaClients(kafka.bootstrap)
})

afterAll(async () => {
  await clients[Symbol.asyncDispose]()
  await Promise.all([kafka[Symbol.asyncDispose](), redis[Symbol.asyncDispose]()])
  directory[Symbol.dispose]()
})
