/* What a waiting login watches beside its daemon: the signals and the hang-ups that mean that nobody waits any more. */
#pragma once
#include <poll.h>
#include <signal.h>
#include <stdint.h>

enum { WATCH_DAEMON, WATCH_SIGNALS, WATCH_CLIENT, WATCH_TERMINAL, WATCHED };

struct watch {
    struct pollfd fds[WATCHED];
    sigset_t signals, host; /* those that we hold back while we wait; the mask as the host had it */
};

/* Milliseconds of a clock that nobody sets. */
int64_t now_ms(void);

/* Watch, and hold the signals back. PAM's tty tells whether the host is sshd, and rhost where its client is. */
void watch_start(struct watch *watch, int daemon, const char *tty, const char *rhost);

/* Wait. Returns NULL when the daemon has something to say, otherwise why we go: the words of an `x` frame. */
const char *watch_wait(struct watch *watch, int64_t deadline);

/* Let the host have its signals while its own code runs, and hold them back again. */
void watch_release(const struct watch *watch);
void watch_hold(struct watch *watch);

/* Watch no more; the host receives its own signals now. */
void watch_stop(const struct watch *watch);
