// A tus server that checks: @uploadx/core with the checksum extension (md5, sha1, sha256), on loopback.
// PORT (0 = any), DIR, EXPIRE (as uploadx says it: "1h"). Prints "ready PORT".
import http from 'node:http'
import uploadx from '@uploadx/core'

const { env } = process
const storage = new uploadx.DiskStorage({
  directory: env.DIR,
  path: '/files',
  maxUploadSize: '100GB',
  allowMIME: ['*/*'],
  filename: (file) => file.id,
  expiration: env.EXPIRE ? { maxAge: env.EXPIRE, purgeInterval: '1min' } : undefined,
  logLevel: 'error',
})
// Its ids are made of user, name, size and millisecond: each address that it is asked by is a user.
const tus = new uploadx.Tus({ storage, userIdentifier: (request) => request.headers.host })
const server = http.createServer((request, response) => {
  if (request.url.startsWith('/files')) tus.handle(request, response)
  else response.writeHead(404).end()
})
server.listen(Number(env.PORT || 0), '127.0.0.1', () => console.log(`ready ${server.address().port}`))
