/** Ports and readiness for servers that are programs of their own and cannot be given port 0. */
import { connect, createServer } from 'node:net'

/** A loopback port that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
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
