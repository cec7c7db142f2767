#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_DESCRIPTOR = 3, LAST_DESCRIPTOR = 255 }; /* sshd's child has its client's socket at 4 */

int64_t now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The peer of a connected TCP socket, written as sshd writes PAM_RHOST; NULL for any other descriptor. */
static const char *tcp_peer(int fd, char *text, socklen_t size) {
    struct sockaddr_storage peer = {0};
    socklen_t peer_size = sizeof(peer), type_size = sizeof(int);
    int type;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) != 0 || type != SOCK_STREAM
        || getpeername(fd, (struct sockaddr *)&peer, &peer_size) != 0
        || (peer.ss_family != AF_INET && peer.ss_family != AF_INET6)
        || getnameinfo((struct sockaddr *)&peer, peer_size, text, size, NULL, 0, NI_NUMERICHOST) != 0)
        return NULL;
    return strncmp(text, "::ffff:", 7) == 0 ? text + 7 : text;
}

/* The one connection of the host, or among several the one from this address; -1 if that leaves none. */
static int client_socket(const char *address) {
    int found = -1, several = 0;

    for (int fd = FIRST_DESCRIPTOR; fd <= LAST_DESCRIPTOR; fd++) {
        char text[NI_MAXHOST];
        const char *peer = tcp_peer(fd, text, sizeof(text));

        if (peer == NULL)
            continue;
        if (strcmp(peer, address) == 0)
            return fd;
        several = found >= 0;
        found = fd;
    }
    return several ? -1 : found;
}

void watch_start(struct watch *watch, int daemon, const char *tty, const char *rhost) {
    const int client = strcmp(tty, "ssh") == 0 ? client_socket(rhost) : -1;
    const int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    sigemptyset(&watch->signals);
    sigaddset(&watch->signals, SIGINT);
    sigaddset(&watch->signals, SIGQUIT);
    sigaddset(&watch->signals, SIGTERM);
    sigaddset(&watch->signals, SIGHUP);
    /* Polled, never read: a signal that is read is gone, and the host has to receive its own. */
    const int signals = signalfd(-1, &watch->signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        sigemptyset(&watch->signals); /* better not held back than not seen */
    watch->fds[WATCH_DAEMON] = (struct pollfd){.fd = daemon, .events = POLLIN};
    watch->fds[WATCH_SIGNALS] = (struct pollfd){.fd = signals, .events = POLLIN};
    watch->fds[WATCH_CLIENT] = (struct pollfd){.fd = client, .events = POLLRDHUP};
    watch->fds[WATCH_TERMINAL] = (struct pollfd){.fd = terminal}; /* every descriptor tells of its hang-up unasked */
    watch_hold(watch);
}

const char *watch_wait(struct watch *watch, int64_t deadline) {
    /* A closed terminal comes with a SIGHUP, so it is looked at first; the daemon comes last: an approval that arrives
     * together with Ctrl-C is not used. */
    static const char *const why[WATCHED] = {NULL, "interrupted", "client gone", "terminal gone"};
    int ready, what = WATCHED - 1;

    do {
        int64_t left = deadline - now_ms();

        if (left <= 0)
            return "timeout";
        ready = poll(watch->fds, WATCHED, (int)left);
    } while (ready == 0 || (ready < 0 && errno == EINTR));
    if (ready < 0)
        return "interrupted";
    while (what > WATCH_DAEMON && watch->fds[what].revents == 0)
        what--;
    return why[what];
}

void watch_release(const struct watch *watch) {
    pthread_sigmask(SIG_SETMASK, &watch->host, NULL);
}

void watch_hold(struct watch *watch) {
    pthread_sigmask(SIG_BLOCK, &watch->signals, &watch->host);
}

void watch_stop(const struct watch *watch) {
    close(watch->fds[WATCH_SIGNALS].fd);
    close(watch->fds[WATCH_TERMINAL].fd);
    watch_release(watch);
}
