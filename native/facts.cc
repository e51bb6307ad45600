#include "facts.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#include "descriptor.h"

namespace handoff {
namespace {

// Reads a boolean option: off if the system or the family does not have it.
bool IsOn(int fd, int level, int option) {
  int value = 0;
  return GetOption(fd, level, option, &value) == 0 && value != 0;
}

void NameInternet(const sockaddr_storage& address, Facts* facts) {
  if (address.ss_family == AF_INET) {
    auto* v4 = reinterpret_cast<const sockaddr_in*>(&address);
    inet_ntop(AF_INET, &v4->sin_addr, facts->name, sizeof(facts->name));
    facts->port = ntohs(v4->sin_port);
  } else {
    auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address);
    inet_ntop(AF_INET6, &v6->sin6_addr, facts->name, sizeof(facts->name));
    facts->port = ntohs(v6->sin6_port);
    char interface[IF_NAMESIZE];
    if (v6->sin6_scope_id != 0 && if_indextoname(v6->sin6_scope_id, interface)) {
      strcat(facts->name, "%");
      strcat(facts->name, interface);
    }
  }
  facts->name_length = static_cast<int>(strlen(facts->name));
}

void NameUnix(const sockaddr_storage& address, socklen_t length, Facts* facts) {
  const char* path = reinterpret_cast<const sockaddr_un*>(&address)->sun_path;
  if (length <= offsetof(sockaddr_un, sun_path)) return;  // unnamed
  size_t size = length - offsetof(sockaddr_un, sun_path);
  if (size > sizeof(facts->name)) size = sizeof(facts->name);
  if (path[0] != '\0') size = strnlen(path, size);  // the length may count the NUL at its end
#if !defined(__linux__)
  if (path[0] == '\0') return;  // there are no abstract names: unnamed
#endif
  memcpy(facts->name, path, size);
  facts->name_length = static_cast<int>(size);
}

}  // namespace

int Describe(int fd, Facts* facts) {
  *facts = {};
  int err = GetOption(fd, SOL_SOCKET, SO_TYPE, &facts->type);
  if (err == -ENOTSOCK) return 0;
  if (err < 0) return err;

  sockaddr_storage address = {};
  socklen_t length = sizeof(address);
  err = Retry([&] { return getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length); });
  if (err < 0) return err;

  facts->family = address.ss_family;
#if defined(SO_DOMAIN) && defined(SO_PROTOCOL)
  GetOption(fd, SOL_SOCKET, SO_DOMAIN, &facts->family);
  GetOption(fd, SOL_SOCKET, SO_PROTOCOL, &facts->protocol);
#else
  bool internet = facts->family == AF_INET || facts->family == AF_INET6;
  if (internet && facts->type == SOCK_STREAM) facts->protocol = IPPROTO_TCP;
  if (internet && facts->type == SOCK_DGRAM) facts->protocol = IPPROTO_UDP;
#endif
  facts->listening = IsOn(fd, SOL_SOCKET, SO_ACCEPTCONN);
  facts->reuse_port = IsOn(fd, SOL_SOCKET, SO_REUSEPORT);
  if (facts->family == AF_INET6) facts->ipv6_only = IsOn(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  if (facts->family == AF_INET || facts->family == AF_INET6) NameInternet(address, facts);
  if (facts->family == AF_UNIX) NameUnix(address, length, facts);
  return 0;
}

}  // namespace handoff
