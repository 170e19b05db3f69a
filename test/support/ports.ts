/** Ports and readiness for servers that are programs of their own and cannot be given port 0. */
import { randomInt } from 'node:crypto'
import { connect, createServer } from 'node:net'

/** Below the ports that systems give to connections by themselves: one of those could be taken while its server is away. */
const [PORT_MIN, PORT_MAX] = [20_000, 32_000] as const

/** A loopback port that is free now. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(PORT_MIN, PORT_MAX)
    if (await isFree(port)) return port
  }
  throw new Error(`no port is free between ${PORT_MIN} and ${PORT_MAX}`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', () => {
      resolve(false)
    })
    server.listen(port, '127.0.0.1', () => {
      server.close(() => {
        resolve(true)
      })
    })
  })
}

/** Resolves true when the first line a server says on a loopback port starts with `greeting`; false when it does not. */
export function greets(port: number, greeting: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const finish = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(5000, () => {
      finish(false)
    })
    socket.on('error', () => {
      finish(false)
    })
    socket.on('data', (data: Buffer) => {
      finish(data.toString('latin1').startsWith(greeting))
    })
    socket.on('close', () => {
      resolve(false)
    })
  })
}
