/**
 * A limit on the packets inside an encryption. They can be counted only after the library decrypted or decompressed them and
 * before it parses them, and it has no limit of its own: two bytes of a packet cost it as much time as a thousand of a text,
 * and compressed they cost the sender nothing (mail.md §2.14, §2.15). Must never let a list pass that was not counted.
 */
import { type Config, PacketList } from 'openpgp'

import { walkPackets } from './packets.ts'

/** Packets of all layers inside one encryption; a message of others' programs has fewer than ten. */
const PACKETS_INSIDE_MAX = 200
/** What the library's errors are told from by open.ts. */
export const TOO_MANY_PACKETS = 'more packets inside than the desk reads'

/** Where a configuration carries what may still be parsed under it. */
const LEFT = Symbol('left')
type Left = { packets: number }

/** The configuration for one decryption: what is parsed under it counts against the limit. */
export function withPacketLimit(config: Config): Config {
  const left: Left = { packets: PACKETS_INSIDE_MAX }
  return Object.assign({ ...config }, { [LEFT]: left })
}

type Parse = (bytes: unknown, allowed: object, config?: object, ...rest: unknown[]) => unknown
const lists = PacketList as unknown as { fromBinary: Parse }
const parse = lists.fromBinary

// Every layer is parsed by this one function of the library, which therefore is where the counting stands.
lists.fromBinary = async function fromBinary(bytes, allowed, config, ...rest) {
  const left = leftOf(config)
  if (left === undefined) return parse.call(PacketList, bytes, allowed, config, ...rest)
  const whole = await readWhole(bytes)
  spend(left, whole)
  return parse.call(PacketList, whole, allowed, config, ...rest)
}

/** All bytes: authenticated chunks come as a list of the library's own that is read like a stream. */
async function readWhole(bytes: unknown): Promise<Uint8Array> {
  if (bytes instanceof Uint8Array) return bytes
  const reader = (bytes as ReadableStream<Uint8Array>).getReader()
  const chunks: Uint8Array[] = []
  for (;;) {
    const { value, done } = await reader.read()
    if (done) break
    chunks.push(value)
  }
  const all = Buffer.concat(chunks)
  return new Uint8Array(all.buffer, all.byteOffset, all.byteLength)
}

function leftOf(config: object | undefined): Left | undefined {
  return config === undefined ? undefined : (config as { [LEFT]?: Left })[LEFT]
}

function spend(left: Left, bytes: Uint8Array): void {
  const walk = walkPackets(bytes, left.packets)
  left.packets -= walk.spans.length
  if (walk.end === 'too-many') throw new Error(TOO_MANY_PACKETS)
}
