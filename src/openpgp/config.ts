/**
 * The one explicit openpgp.js configuration. Every call passes it, so the library's global settings never matter. Must never be
 * relaxed for a single message: what it refuses is not read (RFC 9580 §13).
 */
import { type Config, enums, config as libraryDefaults } from 'openpgp'

/** Largest plaintext that a message may expand to, in bytes; stops decompression bombs. */
export const DECOMPRESSED_BYTES_MAX = 64 * 2 ** 20

export const CONFIG: Config = {
  ...libraryDefaults,
  maxDecompressedMessageSize: DECOMPRESSED_BYTES_MAX,
  maxArgon2MemoryExponent: 16,
  allowUnauthenticatedMessages: false,
  allowUnauthenticatedStream: false,
  enforceGrammar: true,
  ignoreMalformedPackets: false,
  ignoreUnsupportedPackets: true,
  allowMissingKeyFlags: false,
  allowInsecureDecryptionWithSigningKeys: false,
  allowInsecureVerificationWithReformattedKeys: false,
  enableParsingV5Entities: false,
  minRSABits: 2047,
  preferredHashAlgorithm: enums.hash.sha512,
  preferredSymmetricAlgorithm: enums.symmetric.aes256,
  preferredCompressionAlgorithm: enums.compression.uncompressed,
  aeadProtect: false,
  v6Keys: false,
  showVersion: false,
  showComment: false,
  // Matters for RSA keys only: a sender can measure how long the desk takes to answer.
  constantTimePKCS1Decryption: true
}
