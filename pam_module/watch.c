#define _GNU_SOURCE
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_DESCRIPTOR = 3, MAX_DESCRIPTOR = 255 }; /* sshd's child has its client's socket at 4 */

int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Write the peer of a connected TCP socket as sshd writes PAM_RHOST. Returns 0 for any other descriptor. */
static int tcp_peer(int fd, char *text, socklen_t size)
{
    struct sockaddr_storage peer;
    socklen_t peer_size = sizeof(peer), type_size = sizeof(int);
    int type = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) != 0 || type != SOCK_STREAM)
        return 0;
    if (getpeername(fd, (struct sockaddr *)&peer, &peer_size) != 0)
        return 0;
    if (peer.ss_family != AF_INET && peer.ss_family != AF_INET6)
        return 0;
    if (getnameinfo((struct sockaddr *)&peer, peer_size, text, size, NULL, 0, NI_NUMERICHOST) != 0)
        *text = '\0';
    if (strncmp(text, "::ffff:", 7) == 0)
        memmove(text, text + 7, strlen(text + 7) + 1);
    return 1;
}

/* The one connection of the host, or among several the one from this address; -1 if that leaves none. */
static int client_socket(const char *address)
{
    int found = -1, several = 0;

    for (int fd = FIRST_DESCRIPTOR; address != NULL && fd <= MAX_DESCRIPTOR; fd++) {
        char peer[INET6_ADDRSTRLEN + 1 + 16]; /* and a link's name */

        if (!tcp_peer(fd, peer, sizeof(peer)))
            continue;
        if (strcmp(peer, address) == 0)
            return fd;
        several = found >= 0;
        found = fd;
    }
    return several ? -1 : found;
}

void watch_init(struct watch *watch)
{
    for (int what = 0; what < WATCHED; what++)
        watch->fds[what] = (struct pollfd){.fd = -1};
    sigemptyset(&watch->signals);
    pthread_sigmask(SIG_BLOCK, NULL, &watch->host);
}

void watch_start(struct watch *watch, int daemon, const char *ssh_client)
{
    static const int signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};

    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
        sigaddset(&watch->signals, signals[i]);
    watch->fds[WATCH_DAEMON] = (struct pollfd){.fd = daemon, .events = POLLIN};
    watch->fds[WATCH_CLIENT] = (struct pollfd){.fd = client_socket(ssh_client), .events = POLLRDHUP};
    /* A terminal, like every descriptor, tells of its hang-up unasked. */
    watch->fds[WATCH_TERMINAL].fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    /* Polled, never read: a signal that is read is gone, and the host has to receive its own. */
    watch->fds[WATCH_SIGNALS].fd = signalfd(-1, &watch->signals, SFD_CLOEXEC | SFD_NONBLOCK);
    watch->fds[WATCH_SIGNALS].events = POLLIN;
    if (watch->fds[WATCH_SIGNALS].fd < 0)
        sigemptyset(&watch->signals); /* better not held back than not seen */
    watch_hold(watch);
}

const char *watch_wait(struct watch *watch, int64_t deadline)
{
    /* A closed terminal comes with a SIGHUP, so it is looked for first; the daemon comes last: an approval that arrives
     * together with Ctrl-C is not used. */
    static const char *const why[WATCHED] = {NULL, "interrupted", "client gone", "terminal gone"};
    int ready, what = WATCHED - 1;

    do {
        int64_t left = deadline - now_ms();

        if (left <= 0)
            return "timeout";
        ready = poll(watch->fds, WATCHED, (int)left);
        if (ready < 0 && errno != EINTR)
            return why[WATCH_SIGNALS];
    } while (ready <= 0);
    while (what > WATCH_DAEMON && watch->fds[what].revents == 0)
        what--;
    return why[what];
}

void watch_release(const struct watch *watch)
{
    pthread_sigmask(SIG_SETMASK, &watch->host, NULL);
}

void watch_hold(const struct watch *watch)
{
    pthread_sigmask(SIG_BLOCK, &watch->signals, NULL);
}

void watch_close(const struct watch *watch)
{
    close(watch->fds[WATCH_SIGNALS].fd);
    close(watch->fds[WATCH_TERMINAL].fd);
}
