// receipt-hook: signed receipts for a tus server, for dockd (format: dockd-receipt(5)).
//
// Answers GET {upload's URL}/receipt from what the store gives back, read anew and digested at each
// asking; never from what passed by while it was uploaded. Works with every datastore of @tus/server
// that can read. No packages of its own; Node.js 18 or later. See README.md.
import crypto from 'node:crypto'
import fs from 'node:fs'
import { fileURLToPath } from 'node:url'

const ED25519 = 0x01 // signature type of C2SP signed notes
const AT_ONCE = 2 // uploads digested at the same time; who comes later is asked to come again

// ---- signed notes: https://c2sp.org/signed-note ----

function keyId(name, publicKey) {
  const hash = crypto.createHash('sha256')
  hash.update(`${name}\n`).update(Buffer.from([ED25519])).update(publicKey)
  return hash.digest().subarray(0, 4)
}

// The signer of an Ed25519 key in PEM (PKCS#8), under this name.
export function signer(name, pem) {
  if (!/^[^\s+]+$/u.test(name)) throw new Error('a key name has no spaces and no +')
  const key = crypto.createPrivateKey(pem)
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('the key is not Ed25519')
  const { x } = crypto.createPublicKey(key).export({ format: 'jwk' })
  const publicKey = Buffer.from(x, 'base64url')
  const id = keyId(name, publicKey)
  const typed = Buffer.concat([Buffer.from([ED25519]), publicKey])
  return { name, key, id, vkey: `${name}+${id.toString('hex')}+${typed.toString('base64')}` }
}

// The text (ends with a newline) with its signature line.
export function signNote(by, text) {
  const signature = Buffer.concat([by.id, crypto.sign(null, Buffer.from(text), by.key)])
  return `${text}\n\u2014 ${by.name} ${signature.toString('base64')}\n`
}

// ---- receipts ----

export function receiptText(by, facts) {
  return (
    `${by.name}\ndockd receipt v1\nsha256 ${facts.sha256}\nlength ${facts.length}\n` +
    `asset ${facts.asset}\nstation ${facts.station}\nobject ${facts.object}\n` +
    `version ${facts.version}\ntime ${facts.time}\n`
  )
}

// Seconds are enough, and RFC 3339 with Z.
export function now() {
  return new Date().toISOString().replace(/\.\d+Z$/, 'Z')
}

class NotNow extends Error {
  constructor(status, text, after) {
    super(text)
    this.status = status
    this.after = after
  }
}

const isStation = (text) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(text ?? '')

// What is stored under this id, digested now: the facts of a receipt, and whether it is other bytes than
// its metadata promised.
export async function digestStored(datastore, id) {
  const upload = await datastore.getUpload(id).catch((error) => {
    throw new NotNow(error.status_code ?? 500, 'there is no such upload')
  })
  if (upload.size === undefined || upload.offset !== upload.size)
    throw new NotNow(202, 'it is not whole yet', 2)
  const { asset, station, sha256 } = upload.metadata ?? {}
  if (!/^[0-9a-f]{64}$/.test(asset ?? '') || !isStation(station))
    throw new NotNow(422, 'its metadata names no asset and station')
  const hash = crypto.createHash('sha256')
  let length = 0
  for await (const piece of await datastore.read(id)) {
    hash.update(piece)
    length += piece.length
  }
  const facts = { sha256: hash.digest('hex'), length, asset, station, object: id, version: '-', time: now() }
  return { facts, damaged: sha256 !== undefined && sha256 !== facts.sha256 }
}

// (request, response) => whether it was a receipt that was asked for, and is being answered. It is for
// the station that asks (Dockd-Station), or for the one that brought the upload. forget(asset, id): of
// an upload that is damaged; another station must not be led to it.
export function receiptHook({ datastore, path = '/files', suffix = '/receipt', by, forget }) {
  const asked = new Map() // id => promise of what is stored: who asks meanwhile gets the same

  async function stored(id) {
    if (!asked.has(id)) {
      if (asked.size >= AT_ONCE) throw new NotNow(503, 'others are being digested', 2)
      asked.set(id, digestStored(datastore, id).finally(() => asked.delete(id)))
    }
    return asked.get(id)
  }

  async function factsFor(id, station) {
    if (station !== undefined && !isStation(station)) throw new NotNow(400, 'Dockd-Station is no name')
    const { facts, damaged } = await stored(id)
    if (damaged) await forget?.(facts.asset, id)
    return station === undefined ? facts : { ...facts, station }
  }

  async function answer(id, station, response) {
    const headers = { 'Cache-Control': 'no-store', 'Content-Type': 'text/plain; charset=utf-8' }
    try {
      const note = signNote(by, receiptText(by, await factsFor(id, station)))
      response.writeHead(200, headers).end(note)
    } catch (error) {
      if (error.after) headers['Retry-After'] = String(error.after)
      response.writeHead(error.status ?? 500, headers)
      response.end(`${error.status ? error.message : 'what is stored could not be read'}\n`)
      if (!error.status) console.error(`receipt of ${id}: ${error.stack}`)
    }
  }

  return function hook(request, response) {
    const at = request.url.split('?')[0]
    const id = at.slice(path.length + 1, -suffix.length)
    if (request.method !== 'GET' || !at.startsWith(`${path}/`) || !at.endsWith(suffix)) return false
    if (!/^[A-Za-z0-9_~-][A-Za-z0-9._~-]*$/.test(id)) return false
    answer(id, request.headers['dockd-station'], response)
    return true
  }
}

// ---- node receipt-hook.mjs NAME KEYFILE: the key that dockd.conf wants ----

if (process.argv[1] && fs.realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [name, file] = process.argv.slice(2)
  if (!file) {
    console.error('usage: node receipt-hook.mjs NAME KEYFILE\nprints the key for receipt-keys')
    process.exit(2)
  }
  console.log(signer(name, fs.readFileSync(file)).vkey)
}
