/**
 * Free ports of 127.0.0.1, below the range from which systems take the ports of outgoing connections: a server that
 * was killed finds its port free when it starts again.
 */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'

const LOWEST = 20_000
const HIGHEST = 32_000
const TRIES = 200

/** Ports that this program has given out: what is chosen now may be listened on later. */
const given = new Set<number>()

async function isFree(port: number): Promise<boolean> {
  const server = net.createServer()
  try {
    server.listen({ host: '127.0.0.1', port, exclusive: true })
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}

export async function freePort(): Promise<number> {
  for (let tried = 0; tried < TRIES; tried += 1) {
    const port = randomInt(LOWEST, HIGHEST)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
  throw new Error(`no free port of ${TRIES} tried between ${LOWEST} and ${HIGHEST}`)
}

export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = []
  while (ports.length < count) ports.push(await freePort())
  return ports
}

/** This port where nobody has it, else some free one. */
export async function preferredPort(port: number): Promise<number> {
  return (await isFree(port)) ? port : freePort()
}

/** Whether something accepts connections there. */
export async function isOpen(port: number): Promise<boolean> {
  const socket = net.connect({ host: '127.0.0.1', port })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
