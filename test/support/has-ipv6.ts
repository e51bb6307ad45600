// Whether this machine can serve on IPv6: containers often have no ::1.

import { networkInterfaces } from 'node:os'

export const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((address) => address?.address === '::1')
