// For require(): the ES module itself.
module.exports = require('../dist/channel.js')
