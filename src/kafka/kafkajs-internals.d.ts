/**
 * The parts of kafkajs 2.2.4 below its public API that we stand on. Its releases have ended, and the version is pinned, so
 * these are as stable as an API.
 */
declare module 'kafkajs/src/network/connection.js' {
  import type { Socket } from 'node:net'
  import type { Logger } from 'kafkajs'

  interface Protocol<T> {
    readonly request: {
      readonly apiKey: number
      readonly apiVersion: number
      readonly apiName: string
      encode(): Promise<{ readonly buf: Buffer; readonly buffer: Buffer }>
    }
    readonly response: {
      decode(payload: Buffer): Promise<unknown>
      parse(decoded: unknown): Promise<T>
    }
    readonly logResponseError?: boolean
  }

  class Connection {
    constructor(options: {
      readonly host: string
      readonly port: number
      readonly clientId: string
      readonly logger: Logger
      readonly socketFactory: (options: {
        readonly host: string
        readonly port: number
        readonly ssl: object | undefined
        readonly onConnect: () => void
      }) => Socket
      readonly ssl: object | undefined
      readonly sasl: object | undefined
      readonly connectionTimeout: number
      readonly requestTimeout: number
      readonly enforceRequestTimeout: boolean
    })
    connect(): Promise<unknown>
    authenticate(): Promise<void>
    setVersions(versions: object): void
    setSupportAuthenticationProtocol(isSupported: boolean): void
    send<T>(protocol: Protocol<T>): Promise<T>
  }
  export = Connection
}

declare module 'kafkajs/src/network/requestQueue/index.js' {
  class RequestQueue {
    readonly pending: readonly unknown[]
    scheduleCheckPendingRequests(): void
  }
  export = RequestQueue
}

declare module 'kafkajs/src/protocol/requests/index.js' {
  const protocol: {
    readonly requests: {
      readonly ApiVersions: {
        protocol(options: { readonly version: number }): () => {
          readonly request: {
            readonly apiKey: number
            readonly apiVersion: number
            readonly apiName: string
            encode(): Promise<{ readonly buf: Buffer; readonly buffer: Buffer }>
          }
          readonly response: {
            decode(payload: Buffer): Promise<unknown>
            parse(decoded: unknown): Promise<{
              readonly apiVersions: readonly {
                readonly apiKey: number
                readonly minVersion: number
                readonly maxVersion: number
              }[]
            }>
          }
        }
      }
    }
  }
  export = protocol
}

declare module 'kafkajs/src/protocol/error.js' {
  const errors: {
    createErrorFromCode(code: number): { readonly type: string; readonly message: string }
  }
  export = errors
}

declare module 'kafkajs/src/loggers/index.js' {
  import type { LogEntry, Logger, logLevel } from 'kafkajs'

  const loggers: {
    createLogger(options: {
      readonly level: logLevel
      readonly logCreator: (level: logLevel) => (entry: LogEntry) => void
    }): Logger
  }
  export = loggers
}
