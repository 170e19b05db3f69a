/** A TCP relay on loopback that can fall silent without closing anything, as a lost network does. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/**
 * Relays a free port to `target` on 127.0.0.1. `answer` changes what the server says, a chunk at a time, and null ends the
 * connection there; `ask` changes what the client says.
 */
export async function startTcpProxy(
  target: number,
  answer: (chunk: Buffer) => Buffer | null = (chunk) => chunk,
  ask: (chunk: Buffer) => Buffer = (chunk) => chunk
) {
  const sockets: Socket[] = []
  let isSilent = false
  let sent = ''
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    sockets.push(client, upstream)
    for (const [from, to] of [
      [client, upstream],
      [upstream, client]
    ] as const) {
      from.on('error', () => undefined)
      from.on('close', () => to.destroy())
    }
    client.on('data', (chunk: Buffer) => {
      sent += chunk.toString('latin1')
      if (!isSilent) upstream.write(ask(chunk))
    })
    upstream.on('data', (chunk: Buffer) => {
      if (isSilent) return
      const said = answer(chunk)
      if (said === null) client.destroy()
      else client.write(said)
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    /** What clients have sent, as one who listens on the way reads it. */
    sent: () => sent,
    /** From now on not one byte passes in either direction. */
    silence: () => {
      isSilent = true
      for (const socket of sockets) {
        socket.pause()
      }
    },
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    }
  }
}
