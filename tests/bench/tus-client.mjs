// One upload by tus-js-client: tus-client.mjs URL FILE. Prints the seconds from start to success.
import fs from 'node:fs'
import { Upload } from 'tus-js-client'

const [url, path] = process.argv.slice(2)
const began = performance.now()
const upload = new Upload(fs.createReadStream(path), {
  endpoint: url,
  uploadSize: fs.statSync(path).size,
  chunkSize: Infinity,
  retryDelays: null,
  onError: (error) => {
    console.error(String(error))
    process.exit(1)
  },
  onSuccess: () => console.log(JSON.stringify({ seconds: (performance.now() - began) / 1000 })),
})
upload.start()
