/** TLS and SASL of a pipeline's Kafka, as kafkajs wants them. Files are read when a connection is made ready, not before. */
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { SASLOptions } from 'kafkajs'
import type { KafkaLog, SaslDefinition, TlsDefinition } from '../core/definition.ts'
import { TidemarkError } from '../errors.ts'

export interface Security {
  readonly ssl: TlsFiles | undefined
  readonly sasl: SASLOptions | undefined
}

interface TlsFiles {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/** @throws DEFINITION_INVALID where a file cannot be read or holds something else */
export async function readSecurity({
  tls,
  sasl,
}: Pick<KafkaLog, 'tls' | 'sasl'>): Promise<Security> {
  return { ssl: tls && (await readTls(tls)), sasl: sasl && saslOptions(sasl) }
}

/** Who the brokers take us for: what access lists name. */
export function principalOf({ tls, sasl }: Pick<KafkaLog, 'tls' | 'sasl'>): string {
  if (sasl) return `User:${sasl.username}`
  if (tls?.certificate !== undefined) return `the user of the certificate ${tls.certificate}`
  return 'User:ANONYMOUS'
}

async function readTls({ ca, certificate, key }: TlsDefinition): Promise<TlsFiles> {
  const files = {
    ...(ca !== undefined && { ca: await readPem('ca', ca) }),
    ...(certificate !== undefined && { cert: await readPem('certificate', certificate) }),
    ...(key !== undefined && { key: await readPem('key', key) }),
  }
  try {
    createSecureContext(files)
  } catch (cause) {
    throw new TidemarkError(
      'DEFINITION_INVALID',
      `source.kafka.tls: ${[ca, certificate, key].filter(Boolean).join(', ')} cannot be used: ${reason(cause)}. ` +
        'Expected PEM files, the key without a passphrase and belonging to the certificate',
      { cause },
    )
  }
  return files
}

async function readPem(name: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new TidemarkError(
      'DEFINITION_INVALID',
      `source.kafka.tls.${name}: cannot read ${path}: ${reason(cause)}. Correct the path or its permissions`,
      { cause },
    )
  }
}

function saslOptions({ mechanism, username, password }: SaslDefinition): SASLOptions {
  return { mechanism, username, password }
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
