/* What a waiting login watches beside its daemon: the signals and the hang-ups that mean that nobody waits any more. */
#pragma once

#include <poll.h>
#include <signal.h>
#include <stdint.h>

enum { WATCH_DAEMON, WATCH_SIGNALS, WATCH_CLIENT, WATCH_TERMINAL, WATCHED };

struct watch {
    struct pollfd fds[WATCHED];
    sigset_t signals; /* those that we hold back while we wait */
    sigset_t host;    /* the mask as the host had it */
};

/* Milliseconds of a clock that nobody sets. */
int64_t now_ms(void);

/* Nothing is watched yet. */
void watch_init(struct watch *watch);

/* Watch, and hold the signals back. `ssh_client` is the address of sshd's client, NULL in other hosts. */
void watch_start(struct watch *watch, int daemon, const char *ssh_client);

/* Wait. Returns NULL when the daemon has something to say, otherwise why we go: the words of an `x` frame. */
const char *watch_wait(struct watch *watch, int64_t deadline);

/* Let the host have its signals while its own code runs, and hold them back again. */
void watch_release(const struct watch *watch);
void watch_hold(const struct watch *watch);

/* Close what was opened; the signals stay held back. */
void watch_close(const struct watch *watch);
