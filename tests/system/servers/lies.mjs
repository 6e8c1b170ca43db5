// A tus server that lies about what it holds. The file LIES says how, one lie a line:
//   KIND [ID]     at each asking for the receipt of this upload (no ID: of any)
//   KIND * N      the next N receipts asked for, of any upload; lose and rot: of those whose
//                 receipt has not been asked for before
// KINDs: wrong-digest wrong-length wrong-asset wrong-station wrong-object wrong-format old future
//   replayed forged foreign-key foreign-same-name
//   garbage html empty oversized nul missing late accepted error cut
//   lose rot    an honest receipt, and right after it the object is gone, or has one bit changed
//   lose-first  the object is gone, and then its receipt is asked for
//   deny        404 to everything about uploads (as a server without its disk), OPTIONS is answered
//   lost-proxy  404 to everything, OPTIONS too (as a proxy that no longer knows the server)
// LIES.told gets a line "KIND ID" for each lie told.
import fs from 'node:fs'
import path from 'node:path'

const signedOnes = {
  'wrong-digest': (f) => ({ ...f, sha256: f.sha256.replace(/^./, (c) => (c === '0' ? '1' : '0')) }),
  'wrong-length': (f) => ({ ...f, length: f.length + 1 }),
  'wrong-asset': (f) => ({ ...f, asset: f.asset.replace(/^./, (c) => (c === '0' ? '1' : '0')) }),
  'wrong-station': (f) => ({ ...f, station: `${f.station}x` }),
  'wrong-object': (f) => ({ ...f, object: `${f.object}x` }),
  old: (f) => ({ ...f, time: '2020-01-01T00:00:00Z' }),
  future: (f) => ({ ...f, time: '2099-01-01T00:00:00Z' }),
}

const plainOnes = {
  garbage: [200, {}, 'yes, it is all here\n'],
  html: [200, { 'Content-Type': 'text/html' }, '<html><body>Sign in to the guest network</body></html>'],
  empty: [200, {}, ''],
  oversized: [200, {}, 'x'.repeat(70000)],
  nul: [200, {}, 'evidence.example\0\n'],
  missing: [404, {}, 'not found'],
  late: [404, { 'Retry-After': '1' }, 'not yet'],
  accepted: [202, { 'Retry-After': '1' }, ''],
  error: [500, {}, 'oops'],
}

export async function liar({ env, datastore }) {
  const { digestStored, receiptText, signNote, signer } = await import(env.HOOK)
  const by = signer(env.NAME, fs.readFileSync(env.KEY))
  const other = env.OTHER_KEY ? fs.readFileSync(env.OTHER_KEY) : fs.readFileSync(env.KEY)
  const counts = new Map() // "KIND * N" => lies of it that are left
  const asked = new Set() // uploads whose receipt was asked for
  let before = null // the last honest note and the asset that it is of

  function lies() {
    try {
      return fs.readFileSync(env.LIES, 'utf8').split('\n').filter(Boolean).map((l) => l.split(' '))
    } catch {
      return []
    }
  }

  function lieAbout(id) {
    for (const [kind, which, n] of lies()) {
      if (!which || which === id) return kind
      if (which !== '*' || (['lose', 'rot'].includes(kind) && asked.has(id))) continue
      const key = `${kind} * ${n}`
      const left = counts.get(key) ?? Number(n)
      counts.set(key, left - 1)
      if (left > 0) return kind
    }
    return null
  }

  async function note(kind, id) {
    if (kind === 'lose-first') fs.rmSync(path.join(env.DIR, id))
    const { facts } = await digestStored(datastore, id)
    const honest = signNote(by, receiptText(by, facts))
    if (kind === 'replayed' && before && before.asset !== facts.asset) return before.note
    if (kind === 'replayed') return honest
    before = { asset: facts.asset, note: honest }
    if (signedOnes[kind]) return signNote(by, receiptText(by, signedOnes[kind](facts)))
    if (kind === 'wrong-format') return signNote(by, `${by.name}\nall is well\n`)
    if (kind === 'foreign-key') {
      const foreign = signer('elsewhere.example', other)
      return signNote(foreign, receiptText(foreign, facts))
    }
    if (kind === 'foreign-same-name') return signNote(signer(env.NAME, other), receiptText(by, facts))
    if (kind === 'forged') return signNote({ ...signer(env.NAME, other), id: by.id }, receiptText(by, facts))
    return honest
  }

  async function tell(kind, id, request, response) {
    fs.appendFileSync(`${env.LIES}.told`, `${kind} ${id}\n`)
    if (kind === 'cut') {
      request.socket.destroy()
      return
    }
    if (plainOnes[kind]) {
      const [status, headers, body] = plainOnes[kind]
      response.writeHead(status, headers).end(body)
      return
    }
    try {
      const text = await note(kind, id)
      const at = path.join(env.DIR, id)
      if (kind === 'lose') fs.rmSync(at)
      if (kind === 'rot') {
        const bytes = fs.readFileSync(at)
        bytes[bytes.length >> 1] ^= 1
        fs.writeFileSync(at, bytes)
      }
      response.writeHead(200, { 'Content-Type': 'text/plain' }).end(text)
    } catch (error) {
      response.writeHead(error.status ?? 500, error.after ? { 'Retry-After': error.after } : {}).end()
    }
  }

  return function front(request, response) {
    const everywhere = lies().find(([kind]) => kind === 'deny' || kind === 'lost-proxy')?.[0]
    if (everywhere === 'lost-proxy' || (everywhere && request.url.startsWith('/files/'))) {
      request.resume()
      response.writeHead(404).end('no such page')
      return true
    }
    const id = /^\/files\/([A-Za-z0-9_-]+)\/receipt$/.exec(request.url)?.[1]
    const kind = id && request.method === 'GET' ? lieAbout(id) : null
    if (id) asked.add(id)
    if (!kind) return false
    tell(kind, id, request, response)
    return true
  }
}
