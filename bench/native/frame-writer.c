/*
 * What a frame costs without Node: accepts connections on 127.0.0.1 and writes frames to them, one send(2) a frame.
 *
 *   frame-writer <port> <sockets> <bytes> <rounds> <warm-up rounds>
 *
 * A round begins with a byte on the standard input, which says that the reader has all of the one before; in it each
 * connection is written one frame. Prints "listening", then "connected", and at the end the nanoseconds of CPU that the
 * writing took in all measured rounds, waiting left out.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int64_t cpu_nanoseconds(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) die("clock_gettime");
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int listen_on(int port) {
  int server = socket(AF_INET, SOCK_STREAM, 0);
  if (server < 0) die("socket");
  int yes = 1;
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(server, (struct sockaddr *)&address, sizeof address) != 0) die("bind");
  if (listen(server, 4096) != 0) die("listen");
  return server;
}

static int accept_on(int server) {
  int connection = accept(server, NULL, NULL);
  if (connection < 0) die("accept");
  /* As Node sets it for WebSockets. */
  int yes = 1;
  if (setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0) die("setsockopt");
  return connection;
}

/* Blocks when the socket is full, which no round fills: a server would come back to it, and that is not measured. */
static void write_frame(int connection, const char *frame, size_t bytes) {
  while (bytes > 0) {
    ssize_t written = send(connection, frame, bytes, MSG_NOSIGNAL);
    if (written < 0) {
      if (errno == EINTR) continue;
      die("send");
    }
    frame += written;
    bytes -= (size_t)written;
  }
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "frame-writer <port> <sockets> <bytes> <rounds> <warm-up rounds>\n");
    return 2;
  }
  int sockets = atoi(argv[2]), rounds = atoi(argv[4]), warm_up = atoi(argv[5]);
  size_t bytes = (size_t)atol(argv[3]);
  char *frame = calloc(1, bytes);
  int *connections = calloc((size_t)sockets, sizeof *connections);
  if (frame == NULL || connections == NULL) die("calloc");

  int server = listen_on(atoi(argv[1]));
  printf("listening\n");
  fflush(stdout);
  for (int i = 0; i < sockets; i++) connections[i] = accept_on(server);
  printf("connected\n");
  fflush(stdout);

  int64_t total = 0;
  for (int round = -warm_up; round < rounds; round++) {
    char go;
    if (read(STDIN_FILENO, &go, 1) != 1) die("read");
    int64_t start = cpu_nanoseconds();
    for (int i = 0; i < sockets; i++) write_frame(connections[i], frame, bytes);
    if (round >= 0) total += cpu_nanoseconds() - start;
  }
  printf("%lld\n", (long long)total);
  return 0;
}
