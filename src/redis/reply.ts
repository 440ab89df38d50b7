/** What is sent to a server and what it answers. */

/** The name in capitals: of some names in small letters ioredis makes objects of the answers, which reorder fields. */
export type RedisCommand = readonly [name: string, ...args: readonly (string | number)[]]

/** An error where the server refused this one command of several. */
export type RedisReply = string | number | null | ServerError | readonly RedisReply[]

/** Before Redis 7 an error of a command within a script is wrapped in where it happened. */
const SCRIPT_ERROR = /^ERR Error running script .*@user_script: ?\d+: -?(.*)$/s

/** An error that the server answered: `NOPERM this user ...`. */
export class ServerError {
  readonly message: string

  constructor(message: string) {
    this.message = SCRIPT_ERROR.exec(message)?.[1] ?? message
  }

  /** `NOPERM`, `MOVED` ... */
  get code(): string {
    return /^[A-Z]+/.exec(this.message)?.[0] ?? ''
  }
}

export function isError(reply: RedisReply | undefined, code: string): reply is ServerError {
  return reply instanceof ServerError && reply.code === code
}

export function textOf(reply: RedisReply | undefined): string {
  return typeof reply === 'string' || typeof reply === 'number' ? String(reply) : ''
}
