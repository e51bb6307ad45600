// For require(): the ES module itself, so that a process has one handoff however it is loaded.
module.exports = require('../dist/index.js')
