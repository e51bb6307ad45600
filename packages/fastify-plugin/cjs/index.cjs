// For require(): the ES module itself, so that a process has one handoff however it is loaded.
const { fastifySocketHandoff } = require('../dist/index.js')

Object.defineProperty(exports, '__esModule', { value: true })
exports.fastifySocketHandoff = fastifySocketHandoff
exports.default = fastifySocketHandoff
