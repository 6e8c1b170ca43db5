// Loaded before a server: its clock goes with the station's, by the file CLOCK_FILE
// ("OFFSET SYNCHRONISED", tests/double/clock_file.c).
const fs = require('node:fs')
const Real = Date

function ahead() {
  try {
    return 1000 * Number(fs.readFileSync(process.env.CLOCK_FILE, 'utf8').split(' ')[0])
  } catch {
    return 0
  }
}

globalThis.Date = class extends Real {
  constructor(...given) {
    if (given.length > 0) super(...given)
    else super(Real.now() + ahead())
  }

  static now() {
    return Real.now() + ahead()
  }
}
