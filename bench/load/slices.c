// The client of bench/load/slices.ts: asks several servers in turn, for a slice of time each.
// Usage: slices plain|tls kept|new CONNECTIONS PIN PORT:PID...
//
// Prints `ready` when all connections that are kept are open. Each line of its input is a number of rounds, and how
// many milliseconds a slice takes. A round has one slice of each server, in an order of its own. The results of a
// round are one line of JSON: for each server in the order of the arguments, requests, milliseconds, and milliseconds
// of processor time. All servers run on the last core and this client on the first one if PIN is 1:
// sched_setaffinity(2).
// OpenSSL is looked up at run time: no header of it is needed.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kMaxConnections = 256, kMaxServers = 16 };
// SSL_ERROR_WANT_READ and SSL_ERROR_WANT_WRITE of ssl.h.
enum { kWantRead = 2, kWantWrite = 3 };
// What a server needs until its caches hold its own code and data again does not count.
static const double kLeadMs = 5;

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
static const void* (*TLS_client_method)(void);
static SSL_CTX* (*SSL_CTX_new)(const void*);
static SSL* (*SSL_new)(SSL_CTX*);
static void (*SSL_free)(SSL*);
static int (*SSL_set_fd)(SSL*, int);
static int (*SSL_connect)(SSL*);
static int (*SSL_read)(SSL*, void*, int);
static int (*SSL_write)(SSL*, const void*, int);
static int (*SSL_get_error)(const SSL*, int);

enum state { kClosed, kConnecting, kAsked, kAtRest };

struct connection {
  enum state state;
  SSL* ssl;
  // All replies over a kept connection are of one length, and the first one comes whole.
  long length, missing;
};

static struct server {
  struct sockaddr_in address;
  pid_t pid;
  struct pollfd polled[kMaxConnections];
  struct connection connections[kMaxConnections];
} servers[kMaxServers];

static int keeps, of;
static SSL_CTX* context;

static void fail(const char* what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
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
  FIND(SSL_free);
  FIND(SSL_set_fd);
  FIND(SSL_connect);
  FIND(SSL_read);
  FIND(SSL_write);
  FIND(SSL_get_error);
  if ((context = SSL_CTX_new(TLS_client_method())) == NULL) fail("no context");
}

static double ms_of(const struct timespec* time) {
  return (double)time->tv_sec * 1e3 + (double)time->tv_nsec / 1e6;
}

static double now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return ms_of(&time);
}

// The processor time of a process with all its threads, to the nanosecond; 0 where there is no such clock.
static double cpu_ms(pid_t pid) {
#ifdef __linux__
  clockid_t clock;
  struct timespec time;
  if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &time) == 0) return ms_of(&time);
#endif
  (void)pid;
  return 0;
}

// Puts all threads of a process on one core.
static void pin(pid_t pid, int core) {
#ifdef __linux__
  char path[64];
  snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  DIR* tasks = opendir(path);
  if (tasks == NULL) fail(path);
  for (struct dirent* task; (task = readdir(tasks)) != NULL;)
    if (task->d_name[0] != '.' && sched_setaffinity(atoi(task->d_name), sizeof(cores), &cores) < 0)
      fail("sched_setaffinity");
  closedir(tasks);
#else
  (void)pid, (void)core;
#endif
}

static void begin(struct server* server, int i) {
  struct connection* it = &server->connections[i];
  int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) fail("socket");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  if (connect(fd, (struct sockaddr*)&server->address, sizeof(server->address)) < 0 &&
      errno != EINPROGRESS)
    fail("connect");
  if (context != NULL) {
    it->ssl = SSL_new(context);
    SSL_set_fd(it->ssl, fd);
  }
  it->state = kConnecting;
  it->length = 0;
  server->polled[i] = (struct pollfd){.fd = fd, .events = POLLOUT};
}

static void end(struct server* server, int i) {
  struct connection* it = &server->connections[i];
  if (it->ssl != NULL) SSL_free(it->ssl);
  it->ssl = NULL;
  close(server->polled[i].fd);
  it->state = kClosed;
  server->polled[i].fd = -1;
}

static void ask(struct server* server, int i) {
  static const char kKept[] = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
  static const char kNew[] = "GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
  struct connection* it = &server->connections[i];
  const char* request = keeps ? kKept : kNew; // It fits into the empty buffer of a socket.
  long wrote = it->ssl != NULL ? SSL_write(it->ssl, request, (int)strlen(request))
                               : (long)write(server->polled[i].fd, request, strlen(request));
  if (wrote <= 0) fail("cannot write");
  server->polled[i].events = POLLIN;
  it->state = kAsked;
}

// Returns whether the connection is open, and its handshake over.
static int has_connected(struct server* server, int i) {
  struct connection* it = &server->connections[i];
  if (it->ssl == NULL) return 1;
  int result = SSL_connect(it->ssl);
  if (result == 1) return 1;
  int error = SSL_get_error(it->ssl, result);
  if (error != kWantRead && error != kWantWrite) fail("no handshake");
  server->polled[i].events = error == kWantRead ? POLLIN : POLLOUT;
  return 0;
}

// Returns whether a reply has come as a whole: by its length over a connection that is kept, else by its end.
static int take(struct server* server, int i) {
  struct connection* it = &server->connections[i];
  char bytes[16384];
  for (;;) {
    long got = it->ssl != NULL ? SSL_read(it->ssl, bytes, sizeof(bytes))
                               : (long)read(server->polled[i].fd, bytes, sizeof(bytes));
    if (got < 0 && (it->ssl != NULL ? SSL_get_error(it->ssl, (int)got) == kWantRead : errno == EAGAIN))
      return 0;
    if (got <= 0 && (keeps || it->length == 0)) fail("a connection was closed");
    if (got <= 0) return 1;
    if (!keeps) {
      it->length += got;
      continue;
    }
    if (it->length == 0) it->length = it->missing = got;
    it->missing -= got;
    if (it->missing > 0) continue;
    it->missing = it->length;
    return 1;
  }
}

// Begins a request.
static void start(struct server* server, int i) { (keeps ? ask : begin)(server, i); }

// Waits for events of the server, and returns how many replies came. Connections ask again if `asks`.
static long step(struct server* server, int asks, int* busy) {
  long replies = 0;
  if (poll(server->polled, (nfds_t)of, 5000) <= 0) fail("no answer in 5 s");
  for (int i = 0; i < of; i++) {
    struct connection* it = &server->connections[i];
    if (server->polled[i].revents == 0) continue;
    if (it->state == kConnecting) {
      if (!has_connected(server, i)) continue;
      if (asks || !keeps) {
        ask(server, i);
      } else {
        it->state = kAtRest;
        server->polled[i].events = POLLIN;
        --*busy;
      }
    } else if (take(server, i) && it->state == kAsked) {
      replies++;
      it->state = kAtRest;
      if (!keeps) end(server, i);
      if (asks)
        start(server, i);
      else
        --*busy;
    }
  }
  return replies;
}

struct result {
  long requests;
  double ms, cpu_ms;
};

// All requests of the slice are answered at its end.
static struct result slice(struct server* server, double ms) {
  int busy = of;
  for (int i = 0; i < of; i++) start(server, i);
  for (double ends_at = now_ms() + kLeadMs; now_ms() < ends_at;) step(server, 1, &busy);
  double from = now_ms(), cpu_from = cpu_ms(server->pid);
  struct result result = {0};
  while (now_ms() < from + ms) result.requests += step(server, 1, &busy);
  result.ms = now_ms() - from;
  result.cpu_ms = cpu_ms(server->pid) - cpu_from;
  while (busy > 0) step(server, 0, &busy);
  return result;
}

static void round_of(int count, double ms) {
  struct result results[kMaxServers];
  int order[kMaxServers];
  for (int n = 0; n < count; n++) {
    int other = (int)(random() % (n + 1));
    order[n] = order[other];
    order[other] = n;
  }
  for (int n = 0; n < count; n++) results[order[n]] = slice(&servers[order[n]], ms);
  for (int n = 0; n < count; n++)
    printf("%c[%ld,%.3f,%.6f]", n == 0 ? '[' : ',', results[n].requests, results[n].ms,
           results[n].cpu_ms);
  printf("]\n");
  fflush(stdout);
}

int main(int argc, char** argv) {
  if (argc < 6 || argc - 5 > kMaxServers) return 2;
  if (strcmp(argv[1], "tls") == 0) load();
  keeps = strcmp(argv[2], "kept") == 0;
  of = atoi(argv[3]);
  if (of < 1 || of > kMaxConnections) return 2;
  int last = (int)sysconf(_SC_NPROCESSORS_ONLN) - 1, pins = atoi(argv[4]) == 1 && last > 0;
  if (pins) pin(getpid(), 0);
  int count = argc - 5;
  for (int n = 0; n < count; n++) {
    int port, pid;
    if (sscanf(argv[5 + n], "%d:%d", &port, &pid) != 2) return 2;
    servers[n].address = (struct sockaddr_in){.sin_family = AF_INET,
                                              .sin_port = htons((unsigned short)port),
                                              .sin_addr = {htonl(INADDR_LOOPBACK)}};
    servers[n].pid = pid;
    if (pins) pin(pid, last);
    int busy = of;
    for (int i = 0; keeps && i < of; i++) begin(&servers[n], i);
    while (keeps && busy > 0) step(&servers[n], 0, &busy);
  }
  printf("ready\n");
  fflush(stdout);
  srandom((unsigned)getpid());
  int rounds;
  double ms;
  while (scanf("%d %lf", &rounds, &ms) == 2)
    while (rounds-- > 0) round_of(count, ms);
  return 0;
}
