// The time of new connections around a handoff, without any other load.

import { disturbanceOf } from './disturbance.ts'

const none = { kept: 0, webSockets: 0, slow: 0, downloads: 0, uploads: 0 }

export const arrivals = disturbanceOf({
  name: 'arrivals',
  title: 'New connections around a reload, without other load',
  about: 'As `disturbance`, with 500 new connections a second and no other clients.',
  isExtra: true,
  clients: { ...none, arriving: 500 },
})
