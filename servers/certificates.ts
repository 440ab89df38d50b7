/**
 * Certificates of a test's own authority, by openssl: one for a server at localhost and 127.0.0.1, and one for a client
 * called alice. Brokers that want everything in one file take the bundle.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { run } from './command.ts'

/** Paths of PEM files. */
export interface Certificates {
  readonly ca: string
  readonly certificate: string
  readonly key: string
  /** Key, certificate and authority of the server in one file. */
  readonly bundle: string
  readonly client: { readonly certificate: string; readonly key: string }
}

const VALID_DAYS = '30'
const NEW_KEY = ['-newkey', 'rsa:2048', '-nodes']

export async function makeCertificates(directory: string): Promise<Certificates> {
  await mkdir(directory, { recursive: true })
  const at = (name: string): string => path.join(directory, name)
  const ca = ['-x509', ...NEW_KEY, '-days', VALID_DAYS, '-subj', '/CN=test authority']
  await run('openssl', 'req', ...ca, '-keyout', at('ca.key'), '-out', at('ca.pem'))
  await signed(directory, 'server', {
    subject: '/CN=localhost',
    names: 'DNS:localhost,IP:127.0.0.1',
  })
  await signed(directory, 'client', { subject: '/CN=alice', names: 'DNS:alice' })
  const parts = ['server.key', 'server.pem', 'ca.pem'].map((name) => readFile(at(name), 'utf8'))
  await writeFile(at('bundle.pem'), (await Promise.all(parts)).join(''))
  return {
    ca: at('ca.pem'),
    certificate: at('server.pem'),
    key: at('server.key'),
    bundle: at('bundle.pem'),
    client: { certificate: at('client.pem'), key: at('client.key') },
  }
}

async function signed(
  directory: string,
  name: string,
  { subject, names }: { readonly subject: string; readonly names: string },
): Promise<void> {
  const at = (file: string): string => path.join(directory, file)
  const request = ['-subj', subject, '-keyout', at(`${name}.key`), '-out', at(`${name}.csr`)]
  await run('openssl', 'req', ...NEW_KEY, ...request)
  await writeFile(at(`${name}.ext`), `subjectAltName=${names}\n`)
  const authority = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial']
  const files = ['-in', at(`${name}.csr`), '-out', at(`${name}.pem`)]
  const extensions = ['-extfile', at(`${name}.ext`)]
  await run(
    'openssl',
    ...['x509', '-req', '-days', VALID_DAYS],
    ...authority,
    ...files,
    ...extensions,
  )
}
