/** What connections to servers have in common in the pipeline file: TLS, and who one is. */
import * as z from 'zod'
import * as keys from './keys.ts'

const pem = keys.place('a PEM file such as `tls/ca.pem`')

/** `true`: with the system's authorities. */
export const tls = z.union(
  [
    keys.flag(),
    z.strictObject({
      ca: pem
        .optional()
        .describe(
          "PEM file of the authorities that the server's certificate is checked against. Default: the system's.",
        ),
      certificate: pem
        .optional()
        .describe('PEM file of the own certificate, for mutual TLS; beside `key`.'),
      key: pem.optional().describe('PEM file of its private key.'),
    }),
  ],
  { error: '`true`, or `{ ca, certificate, key }`' },
)

export const username = keys.text('the name of a user')

/** Never shown: see `secret.ts`. */
export const password = keys
  .text('a password, best from a variable such as `${PASSWORD}`')
  .describe('The password; best from a variable: `"${PASSWORD}"`. Never printed.')

export const sasl = z.strictObject({
  mechanism: keys
    .choice(['plain', 'scram-sha-256', 'scram-sha-512'])
    .describe('How the password is proved. With `plain` it is sent as it is: use `tls` too.'),
  username: username.describe('The user.'),
  password,
})

/** Servers by address. */
export function addresses(example: string): ReturnType<typeof keys.oneOrMore<z.ZodString>> {
  return keys.oneOrMore(
    keys.text(`an address such as \`${example}\``),
    'addresses such as `a:1,b:1`, or a list',
  )
}
