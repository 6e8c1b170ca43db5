// A stock tus server for tests: @tus/server with @tus/file-store, on loopback.
// PORT (0 = any), HOST (loopback), DIR, EXPIRE_MS, REQUEST_TIMEOUT_MS, MAX_SIZE, DRAIN_MS, RELATIVE=1. Prints "ready PORT".
// HOOK (receipt-hook.mjs), KEY (PEM), NAME: it gives signed receipts; OTHER_KEY (PEM), LIES (a file, see
// lies.mjs): and does not always tell the truth. FIND (find-hook.mjs), INDEX (a folder), QUIET_MS: one upload
// for one asset.
import fs from 'node:fs'
import http from 'node:http'
import { Server } from '@tus/server'
import { FileStore } from '@tus/file-store'

const { env } = process
const number = (name, otherwise) => Number(env[name] || otherwise)
const datastore = new FileStore({
  directory: env.DIR,
  expirationPeriodInMilliseconds: number('EXPIRE_MS', 0),
})
const tus = new Server({
  path: '/files',
  datastore,
  relativeLocation: env.RELATIVE === '1',
  maxSize: number('MAX_SIZE', 0) || undefined,
  lockDrainTimeout: number('DRAIN_MS', 3000),
})

const fronts = []
if (env.LIES) {
  const { liar } = await import('./lies.mjs')
  fronts.push(await liar({ env, datastore }))
}
const handle = (request, response) => tus.handle(request, response)
let forget
if (env.FIND) {
  const { findHook } = await import(env.FIND)
  const quietMs = number('QUIET_MS', 5000)
  const find = findHook({ datastore, path: '/files', index: env.INDEX, handle, quietMs })
  forget = find.forget
  fronts.push(find.hook)
}
if (env.HOOK) {
  const { receiptHook, signer } = await import(env.HOOK)
  const by = signer(env.NAME, fs.readFileSync(env.KEY))
  fronts.push(receiptHook({ datastore, path: '/files', by, forget }))
}

const server = http.createServer((request, response) => {
  if (!fronts.some((front) => front(request, response))) handle(request, response)
})
server.requestTimeout = number('REQUEST_TIMEOUT_MS', 300000)
server.connectionsCheckingInterval = 500
server.listen(number('PORT', 0), env.HOST || '127.0.0.1', () => {
  console.log(`ready ${server.address().port}`)
})
