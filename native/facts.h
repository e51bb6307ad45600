// Asks the kernel what a descriptor is. The claims of a peer about it are never believed.
#pragma once

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace handoff {

struct Facts {
  int family = AF_UNSPEC;  // AF_UNSPEC and type 0: not a socket
  int type = 0;
  int protocol = 0;
  bool listening = false;
  bool ipv6_only = false;
  bool reuse_port = false;
  int port = 0;
  // The address as text, with %scope if it has one; or the Unix path, whose first byte is NUL for
  // an abstract name. Not terminated.
  char name[sizeof(sockaddr_un::sun_path)];
  int name_length = 0;
};
static_assert(sizeof(Facts::name) > INET6_ADDRSTRLEN + IF_NAMESIZE, "holds any address");

// Fills `facts`. Returns 0, also if it is not a socket; or -errno: EBADF.
int Describe(int fd, Facts* facts);

}  // namespace handoff
