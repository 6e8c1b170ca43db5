// A tus server that gives signed receipts: the stock one with receipt-hook in front of it.
// NAME=evidence.example KEY=/etc/evidence/receipt.key DIR=/srv/evidence INDEX=/srv/by-asset node server.mjs
import fs from 'node:fs'
import http from 'node:http'
import { Server } from '@tus/server'
import { FileStore } from '@tus/file-store'
import { findHook } from './find-hook.mjs'
import { receiptHook, signer } from './receipt-hook.mjs'

const { NAME, KEY, DIR, INDEX, PORT = '1080', HOST = '127.0.0.1' } = process.env
const datastore = new FileStore({ directory: DIR })
const tus = new Server({ path: '/files', datastore, respectForwardedHeaders: true })
const handle = (request, response) => tus.handle(request, response)
const find = findHook({ datastore, path: '/files', index: INDEX ?? `${DIR}.by-asset`, handle })
const by = signer(NAME, fs.readFileSync(KEY))
const receipts = receiptHook({ datastore, path: '/files', by, forget: find.forget })
const server = http.createServer((request, response) => {
  if (!receipts(request, response) && !find.hook(request, response)) handle(request, response)
})
server.listen(Number(PORT), HOST, () => console.log(`ready ${server.address().port}`))
