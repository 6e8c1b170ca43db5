// Uploads by tus-js-client: tus-client.mjs URL AT_ONCE FILE... Prints the seconds from start to success.
import fs from 'node:fs'
import { Upload } from 'tus-js-client'

const [url, atOnce, ...paths] = process.argv.slice(2)
const began = performance.now()

const send = (path) => new Promise((resolve, reject) => {
  new Upload(fs.createReadStream(path), {
    endpoint: url,
    uploadSize: fs.statSync(path).size,
    chunkSize: Infinity,
    retryDelays: null,
    onError: reject,
    onSuccess: resolve,
  }).start()
})

const line = async () => {
  while (paths.length > 0) await send(paths.shift())
}
try {
  await Promise.all(Array.from({ length: Number(atOnce) }, line))
  console.log(JSON.stringify({ seconds: (performance.now() - began) / 1000 }))
} catch (error) {
  console.error(String(error))
  process.exit(1)
}
