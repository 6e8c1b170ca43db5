// find-hook: one upload for one asset, however many stations bring it, for dockd (find-path).
//
// Answers HEAD {path}/by-asset/ASSET with where the upload of an asset is and how much of it is
// there, and gives a creation for an asset that has been begun the upload that there is. Which upload
// is an asset's is kept in files, so that it outlives the server; nothing is ever removed but such
// an entry. One server process for one store. No packages of its own; Node.js 18 or later. See README.md.
import fs from 'node:fs/promises'
import nodePath from 'node:path'

const QUIET_MS = 5000 // who came first goes on: others are asked to come again until it has been silent so long
const SIDE = new Set(['ledger', 'checkpoint', 'bundle']) // a station's own, begun anew as they change

const isId = (text) => /^[0-9a-f]{64}$/.test(text ?? '')
const isUpload = (text) => /^[A-Za-z0-9_~-][A-Za-z0-9._~-]*$/.test(text)

// Upload-Metadata: "key base64,key base64", a key may have no value.
function metadataOf(request) {
  const pairs = (request.headers['upload-metadata'] ?? '').split(',').map((p) => p.trim().split(' '))
  return Object.fromEntries(pairs.map(([k, v]) => [k, Buffer.from(v ?? '', 'base64').toString()]))
}

// The files: index/AB/ASSET holds the upload's id.
class Index {
  constructor(folder) {
    this.folder = folder
  }

  file(asset) {
    return nodePath.join(this.folder, asset.slice(0, 2), asset)
  }

  async get(asset) {
    const text = await fs.readFile(this.file(asset), 'utf8').catch((error) => {
      if (error.code === 'ENOENT') return ''
      throw error
    })
    return isUpload(text.trim()) ? text.trim() : null
  }

  async put(asset, id) {
    const file = this.file(asset)
    await fs.mkdir(nodePath.dirname(file), { recursive: true })
    const handle = await fs.open(`${file}.new`, 'w')
    try {
      await handle.writeFile(`${id}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await fs.rename(`${file}.new`, file)
    for (const folder of [nodePath.dirname(file), this.folder]) {
      const at = await fs.open(folder)
      await at.sync().finally(() => at.close())
    }
  }
}

// { hook, forget }. hook(request, response) => whether it is being answered; handle: what answers
// creations that are new. forget(asset, id): that upload is not to be found any more.
export function findHook({ datastore, path = '/files', index, handle, quietMs = QUIET_MS }) {
  const entries = new Index(index)
  const creating = new Map() // asset => promise that ends with its creation
  const sending = new Map() // id => requests that are sending to it
  const heard = new Map() // id => when one of them last ended, or it was made

  function hear(id) {
    heard.set(id, Date.now())
    setTimeout(() => Date.now() - heard.get(id) >= quietMs && heard.delete(id), quietMs + 50).unref()
  }

  const isBusy = (u) =>
    u.offset !== u.size && (sending.has(u.id) || Date.now() - (heard.get(u.id) ?? 0) < quietMs)

  function hasExpired(u) {
    const ms = datastore.hasExtension('expiration') ? datastore.getExpiration() : 0
    return ms > 0 && u.offset !== u.size && Date.now() > new Date(u.creation_date).getTime() + ms
  }

  // The asset's upload; null where there is none (any more).
  async function uploadOf(asset) {
    const id = await entries.get(asset)
    const u = id && (await datastore.getUpload(id).catch((error) => {
      if (error.status_code === 404 || error.status_code === 410) return null
      throw error
    }))
    return u && u.metadata?.asset === asset && !hasExpired(u) ? u : null
  }

  // Every upload that is made is on record before its address is told.
  const create = datastore.create.bind(datastore)
  datastore.create = async (upload) => {
    const made = await create(upload)
    const { asset, kind } = upload.metadata ?? {}
    if (isId(asset) && !SIDE.has(kind)) {
      await entries.put(asset, upload.id)
      hear(upload.id)
    }
    return made
  }

  const headers = (u) => ({
    'Tus-Resumable': '1.0.0',
    'Cache-Control': 'no-store',
    'Upload-Offset': String(u.offset),
    'Upload-Length': String(u.size),
  })

  function say(response, status, more = {}) {
    response.writeHead(status, { 'Tus-Resumable': '1.0.0', 'Cache-Control': 'no-store', ...more }).end()
  }

  const comeAgain = (response) => say(response, 423, { 'Retry-After': String(Math.ceil(quietMs / 1000)) })

  async function find(asset, response) {
    const u = await uploadOf(asset)
    if (!u) return say(response, 404)
    if (isBusy(u)) return comeAgain(response)
    const stated = ['asset', 'sha256'].filter((k) => u.metadata[k])
      .map((k) => `${k} ${Buffer.from(u.metadata[k]).toString('base64')}`).join(',')
    return say(response, 200, {
      ...headers(u), 'Upload-Metadata': stated, 'Content-Location': `${path}/${u.id}`,
    })
  }

  async function make(asset, request, response) {
    const u = await uploadOf(asset)
    if (!u) {
      await new Promise((resolve) => {
        response.on('close', resolve)
        handle(request, response)
      })
      return
    }
    request.resume()
    if (String(u.size) !== request.headers['upload-length']) say(response, 422)
    else if (isBusy(u)) comeAgain(response)
    else say(response, 201, { ...headers(u), Location: `${path}/${u.id}` })
  }

  // One creation of an asset at a time: the second finds what the first has made.
  function inTurn(asset, work) {
    const turn = (creating.get(asset) ?? Promise.resolve()).then(work)
    creating.set(asset, turn)
    return turn.finally(() => creating.get(asset) === turn && creating.delete(asset))
  }

  function watch(id, response) {
    sending.set(id, (sending.get(id) ?? 0) + 1)
    response.on('close', () => {
      sending.set(id, sending.get(id) - 1)
      if (sending.get(id) === 0) sending.delete(id)
      hear(id)
    })
  }

  function answer(work, response) {
    work.catch((error) => {
      console.error(`find: ${error.stack}`)
      if (!response.headersSent) say(response, 500)
    })
    return true
  }

  function hook(request, response) {
    const at = request.url.split('?')[0].replace(/\/$/, '')
    const last = at.slice(path.length + 1)
    if (request.method === 'POST' && at === path) {
      const { asset, kind } = metadataOf(request)
      if (!isId(asset) || SIDE.has(kind) || !request.headers['tus-resumable']) return false
      return answer(inTurn(asset, () => make(asset, request, response)), response)
    }
    if (!at.startsWith(`${path}/`)) return false
    if (request.method === 'PATCH' && isUpload(last)) watch(last, response)
    const asset = last.startsWith('by-asset/') ? last.slice('by-asset/'.length) : null
    if (request.method !== 'HEAD' || !isId(asset)) return false
    return answer(find(asset, response), response)
  }

  async function forget(asset, id) {
    if (isId(asset) && (await entries.get(asset)) === id) await entries.put(asset, '')
  }

  return { hook, forget }
}
