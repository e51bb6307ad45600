// A client in C that leaves most of both cores to the servers, and is never late itself.
// Usage: kept-and-new PORT KEPT REST_MS NEW_PER_SECOND WARM_UP_MS MS [FILE]. Keeps KEPT connections, each of
// which asks, and asks again 0 to REST_MS after the reply. Beside them it connects NEW_PER_SECOND
// times a second, each time for one request. Prints what came after the warm-up as one line of JSON.
// SIGTERM ends it early. Into FILE it writes two doubles for each reply over a kept connection: when its
// request began, in milliseconds of CLOCK_MONOTONIC, and how long it took.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// No client connects while kMostNew connections are unanswered: the queue of a server is not longer.
enum { kMostKept = 1024, kMostNew = 500, kMostReplies = 1 << 22 };

static struct sockaddr_in server;

// Of each connection: when its request began or will begin, and how much of the reply is missing.
// All replies over one connection are of one length; the first one comes whole.
static struct pollfd polled[kMostKept + kMostNew];
static struct {
  double asks_at;
  long length, missing;
} connections[kMostKept + kMostNew];

static volatile sig_atomic_t stopped;

struct Latencies {
  float ms[kMostReplies];
  size_t count;
};
// Of the replies over kept connections, in order.
static double began[kMostReplies];
static struct Latencies of_kept, of_new;
static size_t in_all, held_back, failed;

static int must(int result, const char* what) {
  if (result >= 0) return result;
  perror(what);
  exit(1);
}

static double now_ms(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void count(struct Latencies* latencies, double ms) {
  in_all++;
  if (latencies->count < kMostReplies) latencies->ms[latencies->count++] = (float)ms;
}

static void begin(int i) {
  connections[i].asks_at = now_ms(CLOCK_MONOTONIC);
  polled[i].fd = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
  must(fcntl(polled[i].fd, F_SETFL, O_NONBLOCK), "fcntl");
  if (connect(polled[i].fd, (struct sockaddr*)&server, sizeof(server)) < 0 && errno != EINPROGRESS)
    must(-1, "connect");
  polled[i].events = POLLOUT;
}

static void ask(int i, int keeps) {
  static const char kKept[] = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
  static const char kNew[] = "GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
  // It fits into the empty buffer of a socket.
  must((int)write(polled[i].fd, keeps ? kKept : kNew, strlen(keeps ? kKept : kNew)), "write");
  polled[i].events = POLLIN;
}

static void read_kept(int i, double rest_ms) {
  char bytes[4096];
  int got = must((int)read(polled[i].fd, bytes, sizeof(bytes)), "read");
  if (got == 0) errno = ECONNRESET, must(-1, "a kept connection");
  if (connections[i].length == 0) connections[i].length = connections[i].missing = got;
  connections[i].missing -= got;
  if (connections[i].missing > 0) return;
  connections[i].missing = connections[i].length;
  double now = now_ms(CLOCK_MONOTONIC);
  if (of_kept.count < kMostReplies) began[of_kept.count] = connections[i].asks_at;
  count(&of_kept, now - connections[i].asks_at);
  connections[i].asks_at = now + rest_ms * rand() / RAND_MAX;
  polled[i].events = 0;
}

static void read_new(int i) {
  char bytes[4096];
  ssize_t got = read(polled[i].fd, bytes, sizeof(bytes));
  if (got > 0) {
    connections[i].length += got;
    return;
  }
  if (got < 0 || connections[i].length == 0) failed++;
  connections[i].length = 0;
  close(polled[i].fd);
  polled[i].fd = -1;
  count(&of_new, now_ms(CLOCK_MONOTONIC) - connections[i].asks_at);
}

static void connect_anew(int kept) {
  for (int i = kept; i < kept + kMostNew; i++) {
    if (polled[i].fd < 0) return begin(i);
  }
  held_back++;
}

static void run(int kept, double rest_ms, double every_ms, double ms) {
  double now = now_ms(CLOCK_MONOTONIC), ends_at = now + ms;
  double connects_at = isinf(every_ms) ? ends_at : now;
  for (; now < ends_at && !stopped; now = now_ms(CLOCK_MONOTONIC)) {
    for (; connects_at <= now; connects_at += every_ms) connect_anew(kept);
    double next = connects_at < ends_at ? connects_at : ends_at;
    for (int i = 0; i < kept; i++) {
      if (polled[i].events != 0) continue;
      if (connections[i].asks_at <= now)
        connections[i].asks_at = now, ask(i, 1);
      else if (connections[i].asks_at < next)
        next = connections[i].asks_at;
    }
    if (poll(polled, (nfds_t)(kept + kMostNew), (int)(next - now) + 1) < 0) {
      if (errno == EINTR) continue;
      must(-1, "poll");
    }
    for (int i = 0; i < kept + kMostNew; i++) {
      if (polled[i].fd < 0 || polled[i].revents == 0) continue;
      if (polled[i].revents & POLLOUT)
        ask(i, i < kept);
      else if (i < kept)
        read_kept(i, rest_ms);
      else
        read_new(i);
    }
  }
}

static int by_size(const void* a, const void* b) {
  float x = *(const float*)a, y = *(const float*)b;
  return (x > y) - (x < y);
}

static void stop(int signal) {
  (void)signal;
  stopped = 1;
}

static void write_kept(const char* path) {
  FILE* file = fopen(path, "wb");
  if (!file) must(-1, path);
  for (size_t i = 0; i < of_kept.count; i++) {
    double reply[2] = {began[i], of_kept.ms[i]};
    fwrite(reply, sizeof(reply), 1, file);
  }
  must(fclose(file), path);
}

static void print(const char* name, struct Latencies* of) {
  qsort(of->ms, of->count, sizeof(*of->ms), by_size);
  size_t n = of->count;
  printf("\"%s\":{\"count\":%zu,\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f},", name, n, of->ms[n / 2],
         of->ms[n * 99 / 100], of->ms[n - 1]);
}

int main(int argc, char** argv) {
  if (argc < 7 || argc > 8) return 2;
  signal(SIGTERM, stop);
  server = (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)atoi(argv[1])),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int kept = atoi(argv[2]);
  double rest_ms = atof(argv[3]), per_second = atof(argv[4]);
  if (kept < 0 || kept > kMostKept || per_second < 0) return 2;
  for (int i = 0; i < kept; i++) begin(i);
  for (int i = kept; i < kept + kMostNew; i++) polled[i].fd = -1;
  run(kept, rest_ms, 1e3 / per_second, atof(argv[5]));
  of_kept.count = of_new.count = held_back = failed = 0;
  double from = now_ms(CLOCK_MONOTONIC), cpu_from = now_ms(CLOCK_PROCESS_CPUTIME_ID);
  run(kept, rest_ms, 1e3 / per_second, atof(argv[6]));
  double ms = now_ms(CLOCK_MONOTONIC) - from, cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu_from;
  size_t all = in_all;
  // Clients without an answer have waited as long as this, at least.
  for (int i = kept; i < kept + kMostNew; i++)
    if (polled[i].fd >= 0) count(&of_new, from + ms - connections[i].asks_at);
  if (of_new.count == 0 && per_second > 0) return 1;
  if (argc == 8) write_kept(argv[7]);
  printf("{");
  if (of_new.count > 0) print("new", &of_new);
  if (of_kept.count > 0) print("kept", &of_kept);
  printf("\"requestsInAll\":%zu,\"heldBack\":%zu,\"failed\":%zu,\"ms\":%.1f,\"busy\":%.3f}\n", all,
         held_back, failed, ms, cpu / ms);
  return 0;
}
