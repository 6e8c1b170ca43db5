// A tus server that gives signed receipts: the stock one with receipt-hook in front of it.
// NAME=evidence.example KEY=/etc/evidence/receipt.key DIR=/srv/evidence PORT=1080 node server.mjs
import fs from 'node:fs'
import http from 'node:http'
import { Server } from '@tus/server'
import { FileStore } from '@tus/file-store'
import { receiptHook, signer } from './receipt-hook.mjs'

const { NAME, KEY, DIR, PORT = '1080', HOST = '127.0.0.1' } = process.env
const datastore = new FileStore({ directory: DIR })
const tus = new Server({ path: '/files', datastore, respectForwardedHeaders: true })
const hook = receiptHook({ datastore, path: '/files', by: signer(NAME, fs.readFileSync(KEY)) })
const server = http.createServer((request, response) => {
  if (!hook(request, response)) tus.handle(request, response)
})
server.listen(Number(PORT), HOST, () => console.log(`ready ${server.address().port}`))
