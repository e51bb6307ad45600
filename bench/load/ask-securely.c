// The client of bench/load/ask-securely.ts: as ask.c, over TLS connections that live through several rounds.
// Usage: ask-securely PORT CONNECTIONS. Prints `ready` when all are open. Then each line of its input is a
// round of so many milliseconds, in which each connection asks again as soon as it has a whole reply; the
// result of each is one line of JSON. OpenSSL is looked up at run time: no header of it is needed.

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kMaxConnections = 1024 };
// SSL_ERROR_WANT_READ of ssl.h.
enum { kWantRead = 2 };

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
static const void* (*TLS_client_method)(void);
static SSL_CTX* (*SSL_CTX_new)(const void*);
static SSL* (*SSL_new)(SSL_CTX*);
static int (*SSL_set_fd)(SSL*, int);
static int (*SSL_connect)(SSL*);
static int (*SSL_read)(SSL*, void*, int);
static int (*SSL_write)(SSL*, const void*, int);
static int (*SSL_get_error)(const SSL*, int);

static struct pollfd polled[kMaxConnections];
// All replies over one connection are of one length; the first one comes whole.
static struct {
  SSL* ssl;
  long length, missing;
} connections[kMaxConnections];

static void fail(const char* what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static void load(void) {
  static const char* const kNames[] = {"libssl.so.3", "libssl.so.1.1", "libssl.3.dylib", "libssl.so"};
  void* library = NULL;
  for (size_t i = 0; library == NULL && i < sizeof(kNames) / sizeof(*kNames); i++)
    library = dlopen(kNames[i], RTLD_NOW);
  if (library == NULL) fail("there is no libssl");
#define FIND(name) \
  if ((*(void**)&name = dlsym(library, #name)) == NULL) fail("libssl has no " #name)
  FIND(TLS_client_method);
  FIND(SSL_CTX_new);
  FIND(SSL_new);
  FIND(SSL_set_fd);
  FIND(SSL_connect);
  FIND(SSL_read);
  FIND(SSL_write);
  FIND(SSL_get_error);
}

static double now_ms(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void begin(int i, SSL_CTX* context, const struct sockaddr_in* server) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  if (connect(fd, (const struct sockaddr*)server, sizeof(*server)) < 0) fail("cannot connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  SSL* ssl = SSL_new(context);
  SSL_set_fd(ssl, fd);
  if (SSL_connect(ssl) != 1) fail("no handshake");
  fcntl(fd, F_SETFL, O_NONBLOCK);
  connections[i].ssl = ssl;
  polled[i].fd = fd;
  polled[i].events = POLLIN;
}

static void ask(int i) {
  static const char kRequest[] = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
  if (SSL_write(connections[i].ssl, kRequest, sizeof(kRequest) - 1) <= 0) fail("cannot write");
}

// Returns whether a reply is whole.
static int take(int i) {
  char bytes[16384];
  for (;;) {
    int got = SSL_read(connections[i].ssl, bytes, sizeof(bytes));
    if (got <= 0) {
      if (SSL_get_error(connections[i].ssl, got) == kWantRead) return 0;
      fail("a connection was closed");
    }
    if (connections[i].length == 0) connections[i].length = connections[i].missing = got;
    connections[i].missing -= got;
    if (connections[i].missing > 0) continue;
    connections[i].missing = connections[i].length;
    return 1;
  }
}

static void run(double ms, int of) {
  double from = now_ms(CLOCK_MONOTONIC), cpu_from = now_ms(CLOCK_PROCESS_CPUTIME_ID);
  double ends_at = from + ms;
  long requests = 0;
  int open = of;
  for (int i = 0; i < of; i++) ask(i);
  // Each connection is at rest at the end of a round.
  while (open > 0) {
    if (poll(polled, (nfds_t)of, 1000) < 0) fail("cannot poll");
    double now = now_ms(CLOCK_MONOTONIC);
    for (int i = 0; i < of; i++) {
      if (polled[i].revents == 0 || !take(i)) continue;
      requests++;
      if (now < ends_at)
        ask(i);
      else
        open--;
    }
  }
  double took = now_ms(CLOCK_MONOTONIC) - from;
  double cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu_from;
  printf("{\"requests\":%ld,\"perSecond\":%.1f,\"busy\":%.3f}\n", requests,
         (double)requests / took * 1e3, cpu / took);
  fflush(stdout);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  struct sockaddr_in server = {.sin_family = AF_INET,
                               .sin_port = htons((unsigned short)atoi(argv[1])),
                               .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int of = atoi(argv[2]);
  if (of < 1 || of > kMaxConnections) return 2;
  load();
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (context == NULL) fail("no context");
  for (int i = 0; i < of; i++) begin(i, context, &server);
  printf("ready\n");
  fflush(stdout);
  char line[32];
  while (fgets(line, sizeof(line), stdin) != NULL) run(atof(line), of);
  return 0;
}
