// The client of bench/load/ask-securely.ts: as ask.c, over TLS connections that live through several rounds.
// Usage: ask-securely PORT CONNECTIONS [1.2]. With 1.2 no later version of TLS is spoken. Prints `ready` when all
// are open. Then each line of its input is a round: milliseconds, a path, and the bytes of the body of a POST, 0 for
// a GET. Each connection asks again as soon as it has a whole reply; the result of each round is one line of JSON.
// OpenSSL is looked up at run time: no header of it is needed.

#define _GNU_SOURCE  // memmem
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
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kMaxConnections = 1024, kMaxRequest = 16 << 20 };
// SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE, SSL_CTRL_MODE and SSL_CTRL_SET_MAX_PROTO_VERSION of ssl.h; both modes
// are SSL_MODE_ENABLE_PARTIAL_WRITE and SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER.
enum { kWantRead = 2, kWantWrite = 3, kMode = 33, kMaxVersion = 124, kBothModes = 3 };

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
static const void* (*TLS_client_method)(void);
static SSL_CTX* (*SSL_CTX_new)(const void*);
static long (*SSL_CTX_ctrl)(SSL_CTX*, int, long, void*);
static SSL* (*SSL_new)(SSL_CTX*);
static int (*SSL_set_fd)(SSL*, int);
static int (*SSL_connect)(SSL*);
static int (*SSL_read)(SSL*, void*, int);
static int (*SSL_write)(SSL*, const void*, int);
static int (*SSL_get_error)(const SSL*, int);

static struct pollfd polled[kMaxConnections];
// In one round all replies over a connection are of one length, which the first one says.
static struct {
  SSL* ssl;
  long length, missing, sent;
} connections[kMaxConnections];
static char* request;
static long request_length;

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
  FIND(SSL_CTX_ctrl);
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

static void make_request(const char* path, long bytes) {
  static char head[512];
  int length = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: bench\r\nContent-Length: %ld\r\n\r\n",
                        bytes > 0 ? "POST" : "GET", path, bytes);
  if (length < 0 || length >= (int)sizeof(head) || bytes < 0 || bytes > kMaxRequest) fail("no such request");
  free(request);
  request_length = length + bytes;
  request = malloc((size_t)request_length);
  if (request == NULL) fail("no memory");
  memset(request, 'x', (size_t)request_length);
  memcpy(request, head, (size_t)length);
}

// Writes what the kernel takes of the request.
static void go_on(int i) {
  while (connections[i].sent < request_length) {
    int sent = SSL_write(connections[i].ssl, request + connections[i].sent, (int)(request_length - connections[i].sent));
    if (sent <= 0) {
      if (SSL_get_error(connections[i].ssl, sent) != kWantWrite) fail("cannot write");
      polled[i].events = POLLIN | POLLOUT;
      return;
    }
    connections[i].sent += sent;
  }
  polled[i].events = POLLIN;
}

static void ask(int i) {
  connections[i].sent = 0;
  go_on(i);
}

// Returns how long a reply is of which this is the begin: its head comes in one record.
static long length_of(const char* bytes, int got) {
  static const char kName[] = "content-length:";
  const char* body = memmem(bytes, (size_t)got, "\r\n\r\n", 4);
  if (body == NULL) fail("a head did not come whole");
  for (const char* at = bytes; at < body; at++)
    if (strncasecmp(at, kName, sizeof(kName) - 1) == 0)
      return body + 4 - bytes + atol(at + sizeof(kName) - 1);
  fail("a reply has no length");
  return 0;
}

// Returns whether a reply is whole.
static int take(int i) {
  char bytes[16385];
  for (;;) {
    int got = SSL_read(connections[i].ssl, bytes, sizeof(bytes) - 1);
    if (got <= 0) {
      if (SSL_get_error(connections[i].ssl, got) == kWantRead) return 0;
      fail("a connection was closed");
    }
    bytes[got] = 0;
    if (connections[i].length == 0)
      connections[i].length = connections[i].missing = length_of(bytes, got);
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
  for (int i = 0; i < of; i++) {
    connections[i].length = 0;
    ask(i);
  }
  // Each connection is at rest at the end of a round.
  while (open > 0) {
    if (poll(polled, (nfds_t)of, 1000) < 0) fail("cannot poll");
    double now = now_ms(CLOCK_MONOTONIC);
    for (int i = 0; i < of; i++) {
      if (polled[i].revents == 0) continue;
      if (connections[i].sent < request_length) go_on(i);
      if (!take(i)) continue;
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
  if (argc != 3 && argc != 4) return 2;
  struct sockaddr_in server = {.sin_family = AF_INET,
                               .sin_port = htons((unsigned short)atoi(argv[1])),
                               .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int of = atoi(argv[2]);
  if (of < 1 || of > kMaxConnections) return 2;
  load();
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (context == NULL) fail("no context");
  SSL_CTX_ctrl(context, kMode, kBothModes, NULL);
  if (argc == 4 && SSL_CTX_ctrl(context, kMaxVersion, 0x0303, NULL) != 1) fail("no TLS 1.2");
  for (int i = 0; i < of; i++) begin(i, context, &server);
  printf("ready\n");
  fflush(stdout);
  char line[256], path[200];
  double ms;
  long bytes;
  while (fgets(line, sizeof(line), stdin) != NULL) {
    if (sscanf(line, "%lf %199s %ld", &ms, path, &bytes) != 3) fail("no such round");
    make_request(path, bytes);
    run(ms, of);
  }
  return 0;
}
