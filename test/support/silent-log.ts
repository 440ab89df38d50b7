import type { Log } from '../../src/engine/ports.ts'

export const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} }
