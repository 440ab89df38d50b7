/**
 * What a bucket refuses, told in words: what the server said, and what to do. A refusal that no retry heals (keys,
 * permissions, names, regions, certificates) stops the writer; all else is tried again. Nothing of a request is handed on:
 * it carries the signature and the session's token.
 */
import { TidemarkError } from '../errors.ts'
import { storageFailure, systemCode } from '../storage/failure.ts'
import type { StorageFaults } from '../storage/failure.ts'
import type { S3Location } from './bucket.ts'

export interface S3Context {
  readonly faults: StorageFaults
  readonly location: S3Location
  /** The server has answered this process before: keys that cannot be had now could be had then. */
  readonly hasAnswered: boolean
}

const KEYS =
  'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine or the service account a role'
const RENEW = 'get new ones (aws sso login, or a new AWS_SESSION_TOKEN), then start again'
const ALLOW =
  'allow this user s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on its objects'

/** By the code of the server, or by the name of the SDK's own error. */
const REFUSALS: Readonly<Record<string, (context: S3Context) => string>> = {
  NoSuchBucket: ({ location }) =>
    `there is no bucket ${location.bucket}; make it, or correct the name`,
  InvalidBucketName: ({ location }) => `no bucket can be called ${location.bucket}`,
  AccessDenied: () => `the server does not allow it; ${ALLOW}`,
  Forbidden: () => `the server does not allow it; ${ALLOW}`,
  AllAccessDisabled: () => 'the bucket is disabled; ask its owner',
  InvalidAccessKeyId: () => 'the server does not know the access key; check AWS_ACCESS_KEY_ID',
  SignatureDoesNotMatch: () => 'the secret key is wrong; check AWS_SECRET_ACCESS_KEY',
  ExpiredToken: () => `the credentials have expired; ${RENEW}`,
  TokenRefreshRequired: () => `the credentials have expired; ${RENEW}`,
  InvalidToken: () => `the session token is not valid; ${RENEW}`,
  RequestTimeTooSkewed: () => "this machine's clock is wrong; set it",
  PermanentRedirect: wrongRegion,
  AuthorizationHeaderMalformed: wrongRegion,
  IllegalLocationConstraintException: wrongRegion,
  AccountProblem: () => 'there is a problem with the account; ask its owner',
  QuotaExceeded: () => 'the quota is used up; raise it or free space, then start again',
  NotImplemented: () => 'the server lacks this part of S3; use another one (docs/operate.md)',
  MethodNotAllowed: () => 'the server lacks this part of S3; use another one (docs/operate.md)',
}

const REGION = 'name the region of the bucket: s3.region, or AWS_REGION'
const CERTIFICATE =
  "the server's certificate is not trusted; put its authority into NODE_EXTRA_CA_CERTS, or use the name that the certificate has"

function wrongRegion({ location }: S3Context): string {
  const { bucket, region } = location
  const tried = region === undefined ? 'the region that was tried' : region
  return `the bucket ${bucket} is not in ${tried}; ${REGION}`
}

/** `doing` is the start of a sentence: `table s3://features: cannot write x.parquet`. */
export function s3Failure(context: S3Context, doing: string, cause: unknown): TidemarkError {
  if (cause instanceof TidemarkError) return cause
  const { faults } = context
  const plain = plainError(cause)
  const advice = adviceOn(context, cause)
  if (advice !== undefined) {
    const message = `${doing}: ${advice} (${plain.message})`
    return new TidemarkError(faults.refused, message, { cause: plain })
  }
  return storageFailure(faults, doing, plain)
}

/** Undefined: a retry can help, or it is no matter of S3. */
function adviceOn(context: S3Context, cause: unknown): string | undefined {
  if (!(cause instanceof Error)) return undefined
  const { name, message } = cause
  const told = REFUSALS[name]
  if (told !== undefined) return told(context) + regionHint(cause)
  if (name === 'CredentialsProviderError' || /could not load credentials/i.test(message)) {
    return context.hasAnswered ? undefined : `no credentials were found; ${KEYS}`
  }
  if (/region is missing/i.test(message)) return `no region is known; ${REGION}`
  const code = systemCode(cause) ?? ''
  if (/^(CERT_|ERR_TLS_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_)/.test(code)) return CERTIFICATE
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) {
    return 'the server speaks no TLS there; check http:// or https:// in the endpoint'
  }
  return adviceOnStatus(context, cause)
}

/** For servers with codes of their own, and answers without a body. */
function adviceOnStatus(context: S3Context, cause: Error): string | undefined {
  const status = statusOf(cause)
  if (status === 301 || status === 307) return wrongRegion(context) + regionHint(cause)
  if (status === 401 || status === 403) return `the server does not allow it; ${ALLOW}`
  if (status === 501) return REFUSALS['NotImplemented']?.(context)
  const isOurs = status !== undefined && status >= 400 && status < 500
  const isPassing = status === 408 || status === 409 || status === 425 || status === 429
  return isOurs && !isPassing && cause.name !== 'RequestTimeout'
    ? 'the server refuses the request'
    : undefined
}

/** Where the server says in which region the bucket is. */
function regionHint(cause: Error): string {
  const { Region: told } = cause as { Region?: unknown }
  const headers = (cause as { $response?: { headers?: Record<string, string> } }).$response?.headers
  const region = typeof told === 'string' ? told : headers?.['x-amz-bucket-region']
  return region === undefined ? '' : `. The server says: ${region}`
}

/** Of the HTTP answer; undefined where there was none. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined
  return (error.$metadata as { httpStatusCode?: number }).httpStatusCode
}

/** Sentences go on behind it; and whose library noticed it says nothing. */
function plainText(message: string): string {
  return message
    .replace(/^@smithy\/\S+ - (?:\[ERROR\] )?/, '')
    .replace(/ \(configured by client requestHandler\)/, '')
    .replace(/\.$/, '')
}

/** What it said, without the request, the response and the stack of the SDK. */
function plainError(cause: unknown): Error {
  if (!(cause instanceof Error)) return new Error(String(cause))
  const { name } = cause
  const message = plainText(cause.message)
  const status = statusOf(cause)
  const words = [
    ...(status === undefined ? [] : [`HTTP ${status}`]),
    ...(name === 'Error' || message.includes(name) ? [] : [name]),
    ...(message === '' ? [systemCode(cause) ?? 'no reason given'] : [message]),
  ]
  const code = systemCode(cause)
  const plain = new Error(words.join(': '))
  return code === undefined ? plain : Object.assign(plain, { code })
}
