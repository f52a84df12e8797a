/** The beginnings of encrypted files, in bytes as Latin-1 text. */
const BEGINNINGS: readonly (readonly [RegExp, string])[] = [
  [/^age-encryption\.org\//, 'age'],
  [/^Salted__/, 'OpenSSL'],
  [/^-----BEGIN PGP MESSAGE/, 'GnuPG'],
  // Packets of a session key, for a public key or a pass phrase, of the old and of the new kind. Source: RFC 4880, 4.2,
  // 5.1, 5.3.
  [/^[\x84-\x86\x8c-\x8e\xc1\xc3]/, 'GnuPG'],
];

/** The tool that has encrypted a file, by its first bytes; undefined when the file does not look encrypted. */
export function encryptionOf(head: Uint8Array): string | undefined {
  const text = Buffer.from(head.subarray(0, 32)).toString('latin1');
  return BEGINNINGS.find(([beginning]) => beginning.test(text))?.[1];
}

const EXTENSIONS = /\.(gpg|pgp|asc|age|enc|aes|aes256|crypt)$/;

/** Whether an object's name says that it is encrypted. */
export function isNamedEncrypted(name: string): boolean {
  return EXTENSIONS.test(name);
}
